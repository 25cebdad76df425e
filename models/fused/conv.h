// SPDX-License-Identifier: Apache-2.0
// Convolutions with what follows them in the same pass (kernels/conv.h). Activations are
// [frames, height, width, channels], contiguous.
#pragma once

#include <ATen/ATen.h>

#include "kernels/conv.h"
#include "models/placement.h"

namespace flashvsr {

// Our kernel on compute capability 9.0, its reference on the CPU; on other cards, and for channels
// that the kernel does not take, cuDNN with its epilogues.

// What follows a convolution.
struct Epilogue {
    float leak = 1.0f;  // slope of the activation below zero: 1 is none, 0 is ReLU
    at::Tensor add =
        {};  // added before the activation; the result lies where it lay, which is lost
};
inline const Epilogue kRelu = {0.0f};

// A weight or a bias with zeros behind it, so that the results are as many as our kernel takes.
at::Tensor pad_channels_to_8(const at::Tensor& weight);

// 1x1 or 3x3, over earlier frames too.
class FusedConv {
  public:
    struct Shape {
        int64_t pad = 1;      // of 3x3: 1, zeros outside, or 0
        int64_t history = 0;  // earlier frames that a frame sees, at most 2
    };

    FusedConv() = default;
    // weight: [out, (1 + history) * in, k, k], a frame's own channels first, then those of the
    // frame before it, then of the one before that; bias: [out], or undefined.
    FusedConv(const at::Tensor& weight, const at::Tensor& bias, const Shape& shape,
              const Placement& placement);
    // From [out, in, frames, k, k], the frames in order of time.
    static FusedConv causal(const at::Tensor& weight, const at::Tensor& bias,
                            const Placement& placement);

    at::Tensor operator()(const at::Tensor& x, const Epilogue& epilogue = {}) const;
    // past: [history, h, w, in], the frames before x in order.
    at::Tensor operator()(const at::Tensor& x, const at::Tensor& past,
                          const Epilogue& epilogue = {}) const;
    // y: [n, h', w', out], each frame contiguous, the frames apart or not.
    void write(const at::Tensor& x, const at::Tensor& past, const at::Tensor& y,
               const Epilogue& epilogue = {}) const;

    bool defined() const { return weight_.defined(); }
    int64_t out() const { return weight_.size(0); }
    int64_t in() const { return weight_.size(1) / (1 + shape_.history); }

  private:
    at::Tensor by_library(const at::Tensor& x, const Epilogue& epilogue) const;

    at::Tensor weight_;  // [out, (1 + history) * in, k, k], channels last
    at::Tensor bias_;    // [out], or undefined; fp32 for our kernel
    Shape shape_;
    bool library_ = false;
};

// Nearest x2, growth in time by a 1x1 convolution and a 3x3 convolution as one (kernels/conv.h,
// resizing form; the weights are composed in fp32 and rounded once).
class FusedUpConv {
  public:
    FusedUpConv() = default;
    // grow: [frames * mid, in, 1, 1], or undefined: one frame of mid = in; conv: [out, mid, 3, 3];
    // bias: [out], or undefined
    FusedUpConv(const at::Tensor& grow, const at::Tensor& conv, const at::Tensor& bias,
                const Placement& placement);

    // [n, h, w, c] -> [n * frames, 2 h, 2 w, out], the frames of each in order.
    at::Tensor operator()(const at::Tensor& x, const Epilogue& epilogue = {}) const;
    // Makes the frame of index `part` of those that each frame of x becomes. y: [n, 2 h, 2 w, out],
    // each frame contiguous, the frames apart or not.
    void write(const at::Tensor& x, int64_t part, const at::Tensor& y,
               const Epilogue& epilogue = {}) const;

    bool defined() const { return weight_.defined(); }
    int64_t frames() const { return weight_.size(0); }
    int64_t out() const { return weight_.size(2); }

  private:
    at::Tensor transposed(const at::Tensor& x, int64_t part) const;

    // For our kernel [frames, 4 phases, out, 4 taps, in]; for cuDNN, as a transposed convolution,
    // [frames, in, out, 4, 4], each part channels last.
    at::Tensor weight_;
    at::Tensor bias_;  // as FusedConv's
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
