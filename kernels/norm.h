// SPDX-License-Identifier: Apache-2.0
// Normalisations of token rows, with the roundings of docs/model.md section 6.3. One row is one
// token; statistics are fp32; RN below is round to nearest even to the element type. On CUDA all
// pointers are aligned to 16 bytes.
#pragma once

#include <cstdint>

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

// kModulate: y = RN(RN(RN(normalised) * scale) + shift)   (adaptive norms: scale is 1 + c, rounded)
// kAffine:   y = RN(normalised * scale + shift)           (norm3: one rounding at the end)
// kPlain:    y = RN(normalised)                           (scale and shift live in what follows)
enum class LayerNormRounding { kModulate, kAffine, kPlain };

struct LayerNorm {
    const void* x = nullptr;      // [rows, dim]
    const void* scale = nullptr;  // [dim]; kPlain does without
    const void* shift = nullptr;  // [dim]; kPlain does without
    void* y = nullptr;            // [rows, dim]; may be x; or NULL
    // What y would be before its last rounding, times e4m3_scale, in e4m3, saturating at +-448.
    void* y_e4m3 = nullptr;   // [rows, dim], or NULL
    float e4m3_scale = 8.0f;  // |normalised| <= sqrt(dim): 8 is within range up to a dim of 3136
    int64_t rows = 0;
    int dim = 0;  // a multiple of 8; on CUDA at most 8192
    float eps = 1e-6f;
    LayerNormRounding rounding = LayerNormRounding::kModulate;
    ElementType type = ElementType::kFloat32;
};

void layer_norm_cpu(const LayerNorm& params);
void layer_norm_cuda(const LayerNorm& params, CudaStream stream);

// y = RN(RN(x * rsqrt(mean(x^2) + eps)) * weight) over the whole row, then, where cos_sin is given,
// each adjacent pair (2j, 2j+1) of each 128-wide head turned by the angle of (row, j) and rounded.
struct RmsNormRope {
    const void* x = nullptr;         // [rows, dim]
    const void* weight = nullptr;    // [dim]
    const float* cos_sin = nullptr;  // [rows, 64, 2]: cos, sin; NULL: no rotation
    void* y = nullptr;               // [rows, dim]; may be x
    int64_t rows = 0;
    int dim = 0;  // a multiple of 128; on CUDA at most 8192
    float eps = 1e-6f;
    ElementType type = ElementType::kFloat32;
};

void rms_norm_rope_cpu(const RmsNormRope& params);
void rms_norm_rope_cuda(const RmsNormRope& params, CudaStream stream);

}  // namespace flashvsr::kernels
