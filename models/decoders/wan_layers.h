// SPDX-License-Identifier: Apache-2.0
// What the encoders and decoders of the Wan VAEs are made of, and where Wan2.1 and Wan2.2 differ
// (docs/model.md sections 9 and 10.1). Tensors are [frames, C, h, w].
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <string>
#include <vector>

#include "models/checkpoint/weights.h"
#include "models/manifest.h"
#include "models/placement.h"

namespace flashvsr {

enum class WanVersion { k2_1, k2_2 };

namespace wan {

// Widths in units of the full resolution's: of the encoder's stages; the decoder's run backwards.
inline constexpr std::array<int64_t, 4> kStageWidth = {1, 2, 4, 4};
inline constexpr int64_t kFrames = 4;  // of a latent frame, but for the first

struct Graph {
    int64_t latent_channels;
    int64_t patch;   // side in pixels of what is one position, 3 * patch^2 channels, at the widest
    bool halves;     // a resize of the decoder halves the channels
    bool shortcuts;  // around each stage, without weights
    // The latents' statistics, per channel.
    std::vector<double> mean, deviation;
    std::vector<double> scale() const;  // 1 / deviation

    // "encoder.downsamples." or "decoder.upsamples." and a module of a stage.
    std::string module(const char* half, size_t stage, size_t modules, size_t index) const;
};
const Graph& graph_of(WanVersion version);

struct Conv {
    at::Tensor weight;  // [out, in, 3, 3] or [out, in, 1, 1]; causal: [out, in, 3, k, k]
    at::Tensor bias;    // [out]
    at::Tensor operator()(const at::Tensor& x) const;
    // Over time as well: `memory` holds the two frames before x, undefined where the stream begins
    // (before it lie zeros), and then x's last two.
    at::Tensor causal(const at::Tensor& x, at::Tensor& memory) const;
    int64_t parameters() const { return weight.defined() ? weight.numel() + bias.numel() : 0; }
};

struct ResidualBlock {
    at::Tensor norm_0, norm_3;  // residual.0, residual.3: [C, 1, 1]
    Conv conv_2, conv_6;        // residual.2, residual.6
    Conv shortcut;              // undefined where the widths agree
    // memory: two, for the convolutions.
    at::Tensor operator()(const at::Tensor& x, at::Tensor* memory) const;
    int64_t parameters() const;
};

// One head over the positions of each frame.
struct Attention {
    at::Tensor norm;  // [C, 1, 1]
    Conv to_qkv, proj;
    at::Tensor operator()(const at::Tensor& x) const;
    int64_t parameters() const { return norm.numel() + to_qkv.parameters() + proj.parameters(); }
};

// Two zero frames like x's.
at::Tensor zero_past(const at::Tensor& x);

void add_conv(Manifest& m, const std::string& name, std::vector<int64_t> weight);
void add_residual_block(Manifest& m, const std::string& name, int64_t in, int64_t out);
// middle.0 to middle.2 of `half`, "encoder." or "decoder.".
void add_middle(Manifest& m, const std::string& half, int64_t width);

// Takes layers out of a checked checkpoint.
class Reader {
  public:
    Reader(Weights& weights, const Placement& placement)
        : weights_(weights), placement_(placement) {}

    Conv conv(const std::string& name) const;        // undefined where the checkpoint has none
    Conv conv_1x1x1(const std::string& name) const;  // as one of [out, in, 1, 1]
    at::Tensor gamma(const std::string& name) const;
    ResidualBlock block(const std::string& name) const;
    Attention attention(const std::string& name) const;
    // [C, 1, 1], rounded to the run dtype, as the reference does.
    at::Tensor channels(const std::vector<double>& values) const;

  private:
    at::Tensor take(const std::string& name) const;

    Weights& weights_;
    const Placement& placement_;
};

}  // namespace wan
}  // namespace flashvsr
