// SPDX-License-Identifier: Apache-2.0
// The one diffusion time step of the model, as a sinusoid (docs/model.md section 4.1).
#pragma once

#include <ATen/ATen.h>

namespace flashvsr {

// [1, size], double: cos a_i for i = 0 .. size / 2 - 1, then sin a_i, with
// a_i = 1000 * 10000^(-i / (size / 2)).
inline at::Tensor time_sinusoid(int64_t size) {
    constexpr double kTimeStep = 1000.0;
    constexpr double kBase = 10000.0;
    const int64_t half = size / 2;
    const at::Tensor exponent = at::arange(half, at::kDouble) / static_cast<double>(-half);
    const at::Tensor angles = kTimeStep * at::pow(kBase, exponent);
    return at::cat({at::cos(angles), at::sin(angles)}).unsqueeze(0);
}

}  // namespace flashvsr
