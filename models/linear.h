// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "models/checkpoint/weights.h"
#include "models/placement.h"

namespace flashvsr {

// y = x W^T + b.
struct Linear {
    at::Tensor weight;  // [out, in]
    at::Tensor bias;    // [out]

    static Linear take(Weights& weights, const std::string& name, int64_t out, int64_t in,
                       const Placement& placement) {
        return {weights.take(name + ".weight", {out, in}, placement.options()),
                weights.take(name + ".bias", {out}, placement.options())};
    }
    // x: [..., in]
    at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

}  // namespace flashvsr
