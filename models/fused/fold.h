// SPDX-License-Identifier: Apache-2.0
// Folding of what is constant over a stream into the weights beside it. In the arithmetic of the
// tensors given, which should be fp32: the result is to be rounded once, by who stores it.
#pragma once

#include <ATen/ATen.h>

#include "models/linear.h"

namespace flashvsr {

// u -> linear(u * scale + shift). scale, shift: [in].
inline Linear fold_input(const Linear& linear, const at::Tensor& scale, const at::Tensor& shift) {
    return {linear.weight * scale, linear.bias + at::mv(linear.weight, shift)};
}

// u -> gate * linear(u). gate: [out].
inline Linear fold_output(const Linear& linear, const at::Tensor& gate) {
    return {linear.weight * gate.unsqueeze(1), linear.bias * gate};
}

// u -> [first(u), second(u)] side by side.
inline Linear concat_rows(const Linear& first, const Linear& second) {
    return {at::cat({first.weight, second.weight}), at::cat({first.bias, second.bias})};
}

}  // namespace flashvsr
