// SPDX-License-Identifier: Apache-2.0
// Scales of tensors in e4m3, a float of 3 mantissa bits between 2^-9 and 448: a scale need not fit
// the values closely, it has only to keep the largest within range. All of them follow from the
// weights, so nothing is calibrated and nothing overflows.
#pragma once

#include <ATen/ATen.h>

#include <cmath>

#include "models/linear.h"

namespace flashvsr {

inline constexpr float kLargestE4m3 = 448.0f;

// What layer norms are multiplied by before they are rounded to e4m3: |LN| <= sqrt(dim), which is
// 39 for a dim of 1536.
inline constexpr float kNormE4m3Scale = 8.0f;

// Rounds to nearest even; what is beyond the largest becomes the largest.
inline at::Tensor to_e4m3(const at::Tensor& x) {
    return x.clamp(-kLargestE4m3, kLargestE4m3).to(at::kFloat8_e4m3fn);
}

// No element of linear(LN(x)) is larger: its rows' lengths times that of LN(x), which is at most
// sqrt(in). [1], fp32.
inline at::Tensor bound_after_norm(const Linear& linear) {
    const double length = std::sqrt(static_cast<double>(linear.weight.size(1)));
    const at::Tensor rows = linear.weight.to(at::kFloat).norm(2, {1});
    return (rows * length + linear.bias.to(at::kFloat).abs()).amax().view({1});
}

// No element of rms_norm(x, weight), turned by RoPE or not, is larger: |x| / rms(x) <= sqrt(dim).
inline float bound_after_rms_norm(const at::Tensor& weight) {
    return std::sqrt(static_cast<float>(weight.size(0))) *
           weight.to(at::kFloat).abs().amax().item<float>();
}

}  // namespace flashvsr
