// SPDX-License-Identifier: Apache-2.0
// The encoders of the Wan2.1 VAE, LightVAE and the Wan2.2 VAE (docs/model.md sections 1.5, 9.5 and
// 10.1).
#pragma once

#include <array>

#include "models/decoders/encoder.h"
#include "models/decoders/wan_layers.h"

namespace flashvsr {

// Takes the whole clip at once, which equals the reference's way through its chunks.
class WanEncoder : public Encoder {
  public:
    // width: channels at full resolution, 96 in Wan2.1, 24 in LightVAE and 160 in Wan2.2.
    static Manifest manifest(WanVersion version, int64_t width);

    // Names of the decoder are passed over.
    WanEncoder(Weights& weights, WanVersion version, const Placement& placement);

    // The mean of the latents' distribution, normalised.
    at::Tensor encode(const at::Tensor& frames) const override;

  private:
    // Two blocks, then, but for the last stage, half the resolution, and half the frames in two of
    // the stages.
    struct Stage {
        std::array<wan::ResidualBlock, 2> blocks;
        wan::Conv resample;    // undefined in the last stage
        wan::Conv time_conv;   // undefined where the number of frames stays
        int64_t shortcut = 0;  // channels that it makes; 0: none
        at::Tensor operator()(at::Tensor x) const;
    };

    const wan::Graph& graph_;
    at::Tensor mean_, scale_;  // [C, 1, 1]
    wan::Conv conv1_in_;       // encoder.conv1
    std::array<Stage, 4> stages_;
    wan::ResidualBlock middle_0_, middle_2_;
    wan::Attention middle_1_;
    at::Tensor head_0_;
    wan::Conv head_2_, conv1_;  // encoder.head.2, conv1
};

}  // namespace flashvsr
