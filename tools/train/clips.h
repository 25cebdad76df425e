// SPDX-License-Identifier: Apache-2.0
// Training clips: pictures that move, and what a low-quality source would have made of them.
#pragma once

#include <ATen/ATen.h>

#include <random>
#include <string>

namespace flashvsr::train {

struct Clip {
    at::Tensor target;  // [F, 3, S, S] in [0, 1], fp32: what the model should give
    at::Tensor input;   // [F, 3, S, S] in [-1, 1], fp32: degraded by `kScale` and resized back
};

inline constexpr int64_t kScale = 4;

struct ClipOptions {
    int64_t frames = 33;
    int64_t side = 384;           // pixels, a multiple of 128
    double clean_share = 0.6;     // clips that are only made smaller
    double recorded_share = 0.2;  // clips of the recorded pack, where there is one
};

// The pictures of a safetensors pack (tools/nano/data/pack.py), on the device:
//   "stills", u8 [N, 3, S, S]: set in motion by pan, zoom and rotation
//   "clips",  u8 [M, T, 3, s, s]: recorded, played as they are; may be absent
// The last twentieth of the stills is kept for validation and never drawn otherwise.
class ClipSource {
  public:
    ClipSource(const std::string& pack, const at::Device& device);

    Clip draw(const ClipOptions& options, std::mt19937& random) const;
    // The same clip for the same index at every call; clean. index < validation_count().
    Clip validation(int64_t index, const ClipOptions& options) const;
    int64_t validation_count() const { return stills_.size(0) - training_stills_; }

  private:
    // [F, 3, side, side] in [0, 1]: a view that moves over one still.
    at::Tensor moving_still(int64_t index, int64_t frames, int64_t side,
                            std::mt19937& random) const;
    // One of them per 64 pixels: a step of the optimiser sees many pictures.
    at::Tensor mosaic(int64_t frames, int64_t side, std::mt19937& random) const;
    // One mosaic, or two with a cut between.
    at::Tensor shots(const ClipOptions& options, std::mt19937& random) const;
    at::Tensor recorded(const ClipOptions& options, std::mt19937& random) const;

    at::Tensor stills_;  // u8
    at::Tensor clips_;   // u8, or undefined
    int64_t training_stills_ = 0;
};

// frames: [F, 3, S, S] in [0, 1]. Antialiased bicubic to a quarter, then, unless `clean`, at random
// noise, blur or the block artefacts of a transform codec; 8-bit steps; bicubic back.
at::Tensor degrade(const at::Tensor& frames, bool clean, std::mt19937& random);

}  // namespace flashvsr::train
