// Convolutions with what follows them in the same pass (kernels/conv.h). Activations are
// [frames, height, width, channels], contiguous.
#pragma once

#include <ATen/ATen.h>

#include "kernels/conv.h"
#include "models/placement.h"

namespace flashvsr {

// Our kernel on compute capability 9.0, its twin on the CPU; on other cards, and for channels that
// the kernel does not take, cuDNN with its epilogues.

// 3x3.
class FusedConv {
  public:
    FusedConv() = default;
    // weight: [out, in, 3, 3]; bias: [out], or undefined; pad: 1, zeros outside, or 0.
    FusedConv(const at::Tensor& weight, const at::Tensor& bias, int64_t pad,
              const Placement& placement);

    at::Tensor operator()(const at::Tensor& x) const;  // conv(x)
    at::Tensor relu(const at::Tensor& x) const;        // relu(conv(x))
    // relu(conv(x) + residual); may lie where the residual lay, which is lost.
    at::Tensor relu_add(const at::Tensor& x, const at::Tensor& residual) const;
    // relu(conv(x beside past)), the channels of x first; `past` is x one frame earlier, which is
    // `memory`, [1, h, w, c], for its first frame.
    at::Tensor relu_with_past(const at::Tensor& x, const at::Tensor& memory) const;

  private:
    at::Tensor empty_result(const at::Tensor& x) const;
    kernels::Conv arguments_of(const at::Tensor& x, const at::Tensor& y) const;

    at::Tensor weight_;  // [out, in, 3, 3], channels last
    at::Tensor bias_;    // [out], or undefined; fp32 for our kernel
    int64_t pad_ = 1;
    bool library_ = false;
};

// Nearest x2, growth in time by a 1x1 convolution and a 3x3 convolution as one (kernels/conv.h,
// resizing form; the weights are composed in fp32 and rounded once).
class FusedUpConv {
  public:
    FusedUpConv() = default;
    // grow: [frames * mid, in, 1, 1]; conv: [out, mid, 3, 3]
    FusedUpConv(const at::Tensor& grow, const at::Tensor& conv, const Placement& placement);

    // Of the frames that each frame of x becomes, the one of index `part`; y: [n, 2 h, 2 w, out],
    // each frame contiguous, the frames apart or not.
    void write(const at::Tensor& x, int64_t part, const at::Tensor& y) const;
    void write_relu(const at::Tensor& x, int64_t part, const at::Tensor& y) const;

    int64_t frames() const { return weight_.size(0); }
    int64_t out() const { return weight_.size(2); }

  private:
    kernels::Conv arguments_of(const at::Tensor& x, int64_t part, const at::Tensor& y) const;
    at::Tensor transposed(const at::Tensor& x, int64_t part) const;

    // For our kernel [frames, 4 phases, out, 4 taps, in]; for cuDNN, as a transposed convolution,
    // [frames, in, out, 4, 4], each part channels last.
    at::Tensor weight_;
    bool library_ = false;
};

// 3x3 to the three planes of a picture (kernels/conv_out.h).
class FusedConvOut {
  public:
    FusedConvOut() = default;
    // weight: [3, in, 3, 3]; bias: [3]
    FusedConvOut(const at::Tensor& weight, const at::Tensor& bias, const Placement& placement);

    // x: [1, h, w, in]; picture: [3, h, w], contiguous
    void write(const at::Tensor& x, const at::Tensor& picture) const;

  private:
    at::Tensor weight_;  // [3, in, 3, 3], channels last
    at::Tensor bias_;    // [3], fp32 for our kernel
    bool library_ = false;
};

}  // namespace flashvsr
