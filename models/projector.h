// SPDX-License-Identifier: Apache-2.0
// Low-quality frames to tokens (docs/model.md section 5): what a projector takes and does.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "models/window.h"

namespace flashvsr {

// Version 1 and 1.1 have equal weights files and different maths over time: in version 1 each group
// of four frames stands alone, in 1.1 the convolutions are causal over the whole stream.
enum class ModelVersion { k1, k1_1 };

class Projector {
  public:
    // What crosses calls: the last two inputs of each convolution. Empty in version 1. Each kind of
    // projector has its own layout. The fused ones fill the tensors in place.
    struct State {
        at::Tensor conv1_past;
        at::Tensor conv2_past;
    };

    virtual ~Projector() = default;

    // Starts a stream with its first frame, [3, H, W] in [-1, 1].
    virtual void begin(const at::Tensor& frame, State& state) const = 0;

    // frames: [4 * n, 3, H, W] in [-1, 1], n even. Returns, for each linear layer, the tokens of n
    // latent frames in window order, [n / 2 * tokens, dim].
    virtual std::vector<at::Tensor> project(const at::Tensor& frames, const WindowGrid& grid,
                                            State& state) const = 0;

    // Whether the state stays where it is once a stream runs, so that calls can be recorded.
    virtual bool in_place() const { return false; }
    virtual int64_t parameters() const = 0;
};

}  // namespace flashvsr
