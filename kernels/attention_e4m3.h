// SPDX-License-Identifier: Apache-2.0
// Queries, keys and values in the form that fp8 attention reads (kernels/block_sparse_attention.h).
#pragma once

#include "kernels/block_sparse_attention.h"
#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

// An element becomes its value / scale, rounded to the nearest e4m3, beyond 448 to 448.
struct AttentionE4m3 {
    const void* q = nullptr;  // [windows * 128, heads * 128]; NULL where qk_prepare has stored it
    const void* k = nullptr;  // the same
    const void* v = nullptr;  // the same, but never NULL
    void* q_e4m3 = nullptr;   // [windows * 128, heads * 128]
    void* k_e4m3 = nullptr;   // the same
    void* v_e4m3 = nullptr;   // [windows, heads, 128 (d), 128]: value_position_e4m3(token)
    float q_scale = 1.0f;
    float k_scale = 1.0f;
    float v_scale = 1.0f;
    int windows = 0;
    int heads = 0;
    ElementType type = ElementType::kBFloat16;  // of q, k and v: 16 bits on CUDA
};

void attention_e4m3_cpu(const AttentionE4m3& params);
// Pointers are aligned to 16 bytes.
void attention_e4m3_cuda(const AttentionE4m3& params, CudaStream stream);

}  // namespace flashvsr::kernels
