// SPDX-License-Identifier: Apache-2.0
// TCDecoder: latents and the resized input to frames, causal with carried memory (docs/model.md
// section 8).
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

class TcDecoder : public Decoder {
  public:
    // Where a small model's graph departs from the released one; model.json switches it on.
    struct Graph {
        // Side in pixels of a cell of the first stage, 1 to 8: the resized input comes in as 12 *
        // patch^2 channels, and the latents, one for 8 pixels, are repeated 8 / patch times.
        int64_t patch = 8;
        std::array<int64_t, 3> upsample = {2, 2, 2};  // nearest resize after each stage's blocks
        // The last convolution makes 3 * shuffle^2 channels that become shuffle x shuffle pixels.
        // The three factors of `upsample` and `shuffle` multiply to `patch`.
        int64_t shuffle = 1;
        double leak = 0.0;  // slope of the activations below zero
        bool skip = false;  // the output is added to the resized input
    };
    struct Config {
        int64_t latent_channels = 16;
        std::array<int64_t, 4> channels = {512, 256, 128, 128};  // of the stages and the output
        Graph graph;
    };
    static Manifest manifest(const Config& config);
    // Widths as the checkpoint has them. Throws Error where it has none.
    static Config config_of(const Weights& weights, int64_t latent_channels, const Graph& graph);

    static DecoderElements elements(const Config& config, bool fused);
    // See Decoder::halo; 19 as released.
    static int64_t halo_of(const Graph& graph);

    TcDecoder(Weights& weights, int64_t latent_channels, const Graph& graph,
              const Placement& placement);

    // The memory is 9 of [1, C, h, w].
    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override;

    std::optional<int64_t> halo() const override { return halo_of(graph_); }
    int64_t parameters() const override;

  private:
    at::Tensor decode_latent(const at::Tensor& latent, const at::Tensor& condition,
                             State& state) const;

    Graph graph_;
    tc::Conv in_, deepen_in_;          // decoder.1, decoder.3
    std::array<tc::Stage, 3> stages_;  // decoder.5-10, 11-16, 17-22
    tc::Conv deepen_out_, out_;        // decoder.24, decoder.26
};

}  // namespace flashvsr
