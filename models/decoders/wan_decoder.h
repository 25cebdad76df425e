// SPDX-License-Identifier: Apache-2.0
// The decoders of the Wan2.1 VAE, of LightVAE, which is the same graph at a quarter of the width,
// and of the Wan2.2 VAE (docs/model.md sections 9 and 10.1).
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <string>

#include "models/checkpoint/weights.h"
#include "models/decoder.h"
#include "models/decoders/wan_layers.h"
#include "models/manifest.h"
#include "models/placement.h"

namespace flashvsr {

// Decodes one latent frame after the other with carried features: 1 frame of the stream's first
// latent frame and 4 of each later one. That equals decoding the whole stream at once. The
// condition tells the number of frames and is not looked at. Latents of Wan2.2 are [48, f, H/16,
// W/16].
class WanDecoder : public Decoder {
  public:
    // width: channels at full resolution, 96 in Wan2.1, 24 in LightVAE and 256 in Wan2.2.
    static Manifest manifest(WanVersion version, int64_t width);
    static int64_t width_of(const Weights& weights);
    // patch: 2 in Wan2.2, whose latents stand for 16 pixels, else 1.
    static DecoderElements elements(int64_t width, int64_t patch, bool fused);
    // A stage's width in units of that, and the names of its modules: three blocks and what
    // follows.
    static int64_t stage_width(size_t stage);
    static std::string module(const wan::Graph& graph, size_t stage, size_t index);

    // Names of the encoder are passed over.
    WanDecoder(Weights& weights, WanVersion version, const Placement& placement);

    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override;
    bool clamps() const override { return true; }
    std::optional<int64_t> halo() const override { return {}; }  // attention
    int64_t parameters() const override;

  private:
    // Three blocks, then, but for the last stage, twice the frames in two of the stages, and twice
    // the resolution.
    struct Stage {
        std::array<wan::ResidualBlock, 3> blocks;
        wan::Conv time_conv;   // undefined where the number of frames stays
        wan::Conv resample;    // undefined in the last stage
        int64_t shortcut = 0;  // channels that it makes; 0: none
        at::Tensor operator()(at::Tensor x, bool first, at::Tensor*& memory) const;
    };

    at::Tensor decode_frame(const at::Tensor& latent, bool first, State& state) const;

    const wan::Graph& graph_;
    at::Tensor mean_, scale_;  // [C, 1, 1]: of the latents, scale = 1 / deviation
    wan::Conv conv2_, conv1_;  // conv2, decoder.conv1
    wan::ResidualBlock middle_0_, middle_2_;
    wan::Attention middle_1_;
    std::array<Stage, 4> stages_;  // of upsamples
    at::Tensor head_0_;            // [width, 1, 1]
    wan::Conv head_2_;
};

}  // namespace flashvsr
