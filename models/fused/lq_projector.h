// SPDX-License-Identifier: Apache-2.0
// The projector for 16-bit CUDA: channels innermost, the time taps of a convolution beside each
// other as channels (kernels/temporal_im2col.h), norm and activation in one pass that writes what
// the next layer reads. The formulas are LqProjector's; fewer values are rounded in between.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "kernels/channel_norm.h"
#include "models/checkpoint/weights.h"
#include "models/fused/conv.h"
#include "models/fused/linear.h"
#include "models/placement.h"
#include "models/plain/lq_projector.h"

namespace flashvsr {

class FusedLqProjector : public Projector {
  public:
    // Whether it can stand for an LqProjector of this configuration.
    static bool supports(const LqProjector::Config& config);

    FusedLqProjector(Weights& weights, int64_t dim, ModelVersion version,
                     const Placement& placement);

    // The past is [2, h, w, 768] and [2, h, w, hidden1], made by begin unless it is there already;
    // every call then reads and writes it in place.
    void begin(const at::Tensor& frame, State& state) const override;
    std::vector<at::Tensor> project(const at::Tensor& frames, const WindowGrid& grid,
                                    State& state) const override;

    bool in_place() const override { return true; }
    int64_t parameters() const override { return parameters_; }

  private:
    struct Conv {
        FusedConv conv;        // without its bias, which the norm adds
        at::Tensor bias;       // [out]
        at::Tensor gamma;      // [out]
        int64_t channels = 0;  // in
        int64_t taps = 0;      // over time
        int64_t group = 0;     // in version 1: frames that stand alone
    };
    // What a convolution reads, and how frames come there.
    struct Stack {
        at::Tensor x;  // [frames / 2, h + 2, w + 2, taps * channels]
        kernels::TemporalIm2col taps;
    };

    Conv take_conv(Weights& weights, int index, int64_t in, const Placement& placement) const;
    // Room for `frames` frames of [h, w] tokens. `past` is undefined in version 1.
    static Stack stack_for(const Conv& conv, int64_t frames, int64_t h, int64_t w,
                           const at::Tensor& past, const at::TensorOptions& options);
    // The first convolution's input of frames, [n, 3, H, W].
    Stack stack_of(const at::Tensor& frames, const at::Tensor& past) const;
    // silu(norm(x)), x: [frames, h, w, out] of `conv`, into a stack or, if that is null, as tokens.
    static void activate(const Conv& conv, const at::Tensor& x, const Stack* stack,
                         const at::Tensor& tokens);

    ModelVersion version_;
    int64_t parameters_ = 0;
    Conv conv1_, conv2_;
    std::vector<FusedLinear> linear_layers_;
};

}  // namespace flashvsr
