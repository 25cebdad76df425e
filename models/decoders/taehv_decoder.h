// SPDX-License-Identifier: Apache-2.0
// Decoders of the TAEHV family: small autoencoders of other VAEs' latents (docs/model.md section
// 10.1). The plan is TCDecoder's, narrower and without the resized input.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <vector>

#include "models/checkpoint/weights.h"
#include "models/decoder.h"
#include "models/decoders/tc_layers.h"
#include "models/manifest.h"
#include "models/placement.h"

namespace flashvsr {

// The condition tells the number of frames and is not looked at. Latents are [C, f, H / s, W / s],
// where s is 8 * patch.
class TaehvDecoder : public Decoder {
  public:
    // What no tensor tells.
    struct Graph {
        double leak = 0.0;       // slope of the activations below zero
        bool symmetric = false;  // the last convolution makes [-1, 1], not [0, 1]
        // What the latents are multiplied by, then moved by: of each channel or of all; empty: as
        // they are.
        std::vector<double> deviation, mean;
    };
    struct Config {
        int64_t latent_channels = 16;
        std::array<int64_t, 4> channels = {256, 128, 64, 64};  // of the stages and the output
        int64_t patch = 1;  // the last convolution makes 3 * patch^2 channels, patch x patch pixels
    };
    static constexpr std::array<int64_t, 3> kStageIndex = {3, 9,
                                                           15};  // each stage's first MemBlock
    static Manifest manifest(const Config& config);
    static DecoderElements elements(const Config& config, bool fused);

    // See Decoder::halo: 18, by the convolutions before, in and after the stages.
    static constexpr int64_t kHalo =
        1 + tc::halo_of_stage(tc::halo_of_stage(tc::halo_of_stage(1, 2), 2), 2);
    static Config config_of(const Weights& weights);

    // Names of the encoder are passed over.
    TaehvDecoder(Weights& weights, const Graph& graph, const Placement& placement);

    // The memory is 9 of [1, C, h, w].
    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override;
    bool clamps() const override { return true; }
    std::optional<int64_t> halo() const override { return kHalo; }
    int64_t parameters() const override;

  private:
    at::Tensor decode_latent(const at::Tensor& latent, State& state) const;

    Graph graph_;
    int64_t patch_ = 1;
    at::Tensor deviation_, mean_;      // [1 or C, 1, 1], or undefined
    tc::Conv in_, out_;                // decoder.1, decoder.22
    std::array<tc::Stage, 3> stages_;  // decoder.3-8, 9-14, 15-20
};

}  // namespace flashvsr
