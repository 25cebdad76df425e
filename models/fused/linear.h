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

    // x: [tokens, in]; y: [tokens, out], which may be part of a larger tensor; both contiguous.
    void write(const at::Tensor& x, const at::Tensor& y) const;  // y = linear(x)
    void add(const at::Tensor& x, const at::Tensor& y) const;    // y = y + linear(x), one rounding
    at::Tensor operator()(const at::Tensor& x) const;            // linear(x)
    at::Tensor gelu(const at::Tensor& x) const;                  // gelu(linear(x)), the tanh form

    int64_t parameters() const { return weight_.numel() + bias_.numel(); }

  private:
    at::Tensor empty_result(const at::Tensor& x) const;
    void run(const at::Tensor& x, const at::Tensor& y, kernels::MatmulEpilogue epilogue) const;

    at::Tensor weight_;  // [out, in]
    at::Tensor bias_;    // [out]
};

}  // namespace flashvsr
