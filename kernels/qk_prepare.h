// SPDX-License-Identifier: Apache-2.0
// What lies between the q and k projections and windowed self-attention, in one pass
// (docs/model.md sections 6.3 and 7.2): RMS norm, RoPE, and the mean of each window.
#pragma once

#include <cstdint>

#include "kernels/block_sparse_attention.h"
#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

// q and k are what rms_norm_rope (kernels/norm.h) makes of each projected row, to the last bit. The
// means are over the 128 tokens of a window, of the rounded q and k, summed in fp32 in an order
// that depends on nothing but the sizes, and rounded to the element type. Outputs do not overlap
// qk. On CUDA pointers are aligned to 16 bytes and 8 divides row_stride.
//
// With scales, q and k are stored in e4m3 as fp8 attention reads them (kernels/attention_e4m3.h):
// the rounded element / scale, rounded once more, beyond 448 to 448.
struct QkPrepare {
    // Row r holds projected q at r * row_stride and projected k at r * row_stride + dim.
    const void* qk = nullptr;        // [windows * 128] rows
    int64_t row_stride = 0;          // elements, at least 2 * dim
    const void* norm_q = nullptr;    // [dim]
    const void* norm_k = nullptr;    // [dim]
    const float* cos_sin = nullptr;  // [windows * 128, 64, 2]: cos, sin
    void* q = nullptr;               // [windows * 128, dim]
    void* k = nullptr;               // [windows * 128, dim], such as slots of the KV ring
    void* q_mean = nullptr;          // [windows, dim]
    void* k_mean = nullptr;          // [windows, dim], such as slots of the ring
    float q_scale = 0.0f;            // 0: q in the element type
    float k_scale = 0.0f;            // 0: k in the element type
    int windows = 0;
    int dim = 0;  // a multiple of 128; on CUDA at most 2048
    float eps = 1e-6f;
    ElementType type = ElementType::kFloat32;  // on CUDA a 16-bit one
};

void qk_prepare_cpu(const QkPrepare& params);
void qk_prepare_cuda(const QkPrepare& params, CudaStream stream);

}  // namespace flashvsr::kernels
