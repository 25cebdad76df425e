// SPDX-License-Identifier: Apache-2.0
// Latents and the resized input to frames, causal with carried memory: what a decoder takes and
// does.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <optional>
#include <vector>

namespace flashvsr {

// Keeps a copy of `value` for the next call: in place, where there is something to replace, so that
// recorded work finds it where it was. Training needs the old one for its gradients.
inline void remember(at::Tensor& memory, const at::Tensor& value) {
    if (memory.defined() && !c10::GradMode::is_enabled())
        memory.copy_(value);
    else
        memory = value.clone();
}

// What a decoder takes of memory, in elements for each pixel that it sees: what it carries from
// chunk to chunk, and what it holds at most beside its frames.
struct DecoderElements {
    double state = 0, working = 0;
};

class Decoder {
  public:
    // What crosses calls, empty before the first: each MemBlock's input at its previous time step.
    // Each kind of decoder has its own layout. Without gradients the tensors are filled in place.
    struct State {
        std::vector<at::Tensor> memory;
        std::vector<State> tiles;  // of a decoder that goes tile by tile
    };

    virtual ~Decoder() = default;

    // latents: [16, f, H/8, W/8]; condition: the resized input, [F, 3, H, W] in [-1, 1], where F is
    // 4 f, or 4 f - 3, which starts a stream. Returns [F, 3, H, W], nominally in [0, 1] and not
    // clamped.
    virtual at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                              State& state) const = 0;

    // Whether the state stays where it is once a stream runs, so that calls can be recorded.
    virtual bool in_place() const { return false; }
    // Whether the reference clamps the decoded frames to [0, 1] before anything looks at them.
    virtual bool clamps() const { return false; }
    // To how many latents beyond a tile its pixels look, on each side: a tile of the picture that
    // is decoded with so many around it is exact. None where all depends on the whole picture.
    virtual std::optional<int64_t> halo() const = 0;
    virtual int64_t parameters() const = 0;
};

}  // namespace flashvsr
