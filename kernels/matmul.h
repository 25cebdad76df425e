// SPDX-License-Identifier: Apache-2.0
// Linear layers on tensor cores, with what follows them in the same pass.
//
//   sum = x_scale * weight_scale * x weight^T + bias      accumulated in fp32
//   y   = RN(y_scale * f(sum))                            RN rounds to y's type
//
// f is nothing, gelu(u) = u / 2 * (1 + tanh(sqrt(2 / pi) * (u + 0.044715 u^3))), or the addition of
// what y holds. Scales are 1 unless given.
#pragma once

#include <cstdint>

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

enum class MatmulEpilogue {
    kBias,  // y = x W^T + b
    kGelu,  // y = gelu(x W^T + b)
    kAdd,   // y = y + x W^T + b; cuBLASLt rounds what it adds to y's type before it does
};

struct Matmul {
    const void* x = nullptr;       // [rows, in]
    const void* weight = nullptr;  // [out, in]
    const void* bias = nullptr;    // [out], of `type`
    void* y = nullptr;             // [rows, out]; not x
    // x_scale and weight_scale given: x and weight are e4m3. y_scale given too:
    // y is e4m3, saturating; not with kAdd. One float each, where the tensors are.
    const float* x_scale = nullptr;
    const float* weight_scale = nullptr;
    const float* y_scale = nullptr;
    int64_t rows = 0;
    int in = 0;   // a multiple of 8, with e4m3 of 16
    int out = 0;  // a multiple of 8, with e4m3 of 16
    MatmulEpilogue epilogue = MatmulEpilogue::kBias;
    ElementType type = ElementType::kFloat32;  // of what is not e4m3; on CUDA a 16-bit one
};

// Bytes, of every pointer that matmul_cuda is given.
constexpr int kMatmulAlignment = 16;

void matmul_cpu(const Matmul& params);
// cuBLASLt: its heuristic's first choice for the sizes, asked for once and kept, so that results
// are equal from run to run. Pointers, also those of scales, are aligned to kMatmulAlignment; it
// throws std::invalid_argument where one is not. e4m3 needs sm_89 and newer. May be captured in a
// graph and called by several threads at once.
void matmul_cuda(const Matmul& params, CudaStream stream);

}  // namespace flashvsr::kernels
