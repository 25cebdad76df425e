// SPDX-License-Identifier: Apache-2.0
// The convolution that makes pictures of channels: 3x3 taps, zeros outside, from frames with the
// channels innermost to three planes (docs/model.md section 8, layer 26). With three results for
// every pixel it is bound by reading its input.
//
//   y = RN(scale * (sum over taps and channels of weight * x) + bias)
#pragma once

#include <cstdint>

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

struct ConvOut {
    const void* x = nullptr;       // [n, h, w, in]
    const void* weight = nullptr;  // [3, 9, in], taps row by row
    const float* bias = nullptr;   // [3], or NULL
    void* y = nullptr;             // [n, 3, h, w]
    int n = 0, h = 0, w = 0, in = 0;
    float scale = 1.0f;  // of e4m3: what one of x times one of weight is worth
    ElementType type = ElementType::kFloat32;    // of x and weight, e4m3 too
    ElementType y_type = ElementType::kFloat32;  // type, unless that is e4m3
};

// Plain loops. Host pointers.
void conv_out_cpu(const ConvOut& params);

// Tensor cores (wgmma), sm_90a only: fp16, bf16 and e4m3. Device pointers aligned to 16 bytes. A
// pixel's channels take 128 or 256 bytes.
void conv_out_sm90(const ConvOut& params, CudaStream stream);

}  // namespace flashvsr::kernels
