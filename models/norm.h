// SPDX-License-Identifier: Apache-2.0
// Token norms of the DiT (docs/model.md section 6.3), and the norm of the convolutional networks.
// Tensors are [tokens, dim] unless said.
#pragma once

#include <ATen/ATen.h>

namespace flashvsr {

inline constexpr double kNormEps = 1e-6;

// LN(x) alone, for a linear layer that has the rest folded in. No backward pass.
at::Tensor layer_norm(const at::Tensor& x);
// LN(x) * scale in e4m3, saturating.
at::Tensor layer_norm_e4m3(const at::Tensor& x, float scale);
// LN(x) * scale + shift with a rounding after each of the three; scale is 1 + c, [dim].
at::Tensor layer_norm_modulate(const at::Tensor& x, const at::Tensor& scale,
                               const at::Tensor& shift);
// LN(x) * weight + bias, rounded once.
at::Tensor layer_norm_affine(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// x * rsqrt(mean(x^2)) over the whole row, rounded, times weight.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight);
// The same, then each adjacent pair of each 128-wide head turned by cos_sin [tokens, 64, 2], fp32.
// Writes into `out`, [tokens, dim], which must not be x.
void rms_norm_rope_out(const at::Tensor& out, const at::Tensor& x, const at::Tensor& weight,
                       const at::Tensor& cos_sin);

// x / |x| * sqrt(C) * gamma over the channels of [n, C, h, w], each operation rounded to the run
// dtype (docs/model.md section 5.1, step 3). gamma: [C, 1, 1].
at::Tensor channel_norm(const at::Tensor& x, const at::Tensor& gamma);

}  // namespace flashvsr
