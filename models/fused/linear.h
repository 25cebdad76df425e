// SPDX-License-Identifier: Apache-2.0
// A linear layer on tensor cores, with what follows it in the same pass (kernels/matmul.h).
#pragma once

#include <ATen/ATen.h>

#include "kernels/matmul.h"
#include "models/linear.h"
#include "models/placement.h"

namespace flashvsr {

class FusedLinear {
  public:
    FusedLinear() = default;
    // Rounds `linear` to the placement's type.
    FusedLinear(const Linear& linear, const Placement& placement);
    // Rounds the weight to e4m3 under a scale of its own, the bias to the placement's type. Takes
    // x in e4m3; an element times x_scale, [1] fp32, is what it stands for.
    FusedLinear(const Linear& linear, const Placement& placement, const at::Tensor& x_scale);

    // Results in e4m3 from here on: y times y_scale, [1] fp32. Not for add.
    void store_e4m3(const at::Tensor& y_scale) { y_scale_ = y_scale; }

    // x: [tokens, in]; y: [tokens, out], which may be part of a larger tensor; both contiguous.
    void write(const at::Tensor& x, const at::Tensor& y) const;  // y = linear(x)
    void add(const at::Tensor& x, const at::Tensor& y) const;    // y = y + linear(x)
    at::Tensor operator()(const at::Tensor& x) const;            // linear(x)
    at::Tensor gelu(const at::Tensor& x) const;                  // gelu(linear(x)), the tanh form

    bool takes_e4m3() const { return x_scale_.defined(); }
    int64_t parameters() const { return weight_.numel() + bias_.numel(); }

  private:
    at::Tensor empty_result(const at::Tensor& x) const;
    void run(const at::Tensor& x, const at::Tensor& y, kernels::MatmulEpilogue epilogue) const;

    at::Tensor weight_;                            // [out, in]
    at::Tensor bias_;                              // [out]
    at::Tensor x_scale_, weight_scale_, y_scale_;  // [1] fp32; undefined where not e4m3
};

}  // namespace flashvsr
