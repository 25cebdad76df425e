// SPDX-License-Identifier: Apache-2.0
// Encoders of the TAEHV family (docs/model.md section 10.1).
#pragma once

#include <array>

#include "models/decoders/encoder.h"
#include "models/decoders/taehv_decoder.h"

namespace flashvsr {

class TaehvEncoder : public Encoder {
  public:
    // width: of every layer, 64 as released.
    static Manifest manifest(int64_t latent_channels, int64_t width, int64_t patch);

    // Names of the decoder are passed over.
    TaehvEncoder(Weights& weights, const TaehvDecoder::Graph& graph, const Placement& placement);

    at::Tensor encode(const at::Tensor& frames) const override;

  private:
    // Groups of frames into one, half the resolution, then MemBlocks.
    struct Stage {
        tc::Conv pool;  // 1x1, of `frames` times the channels
        int64_t frames = 1;
        tc::Conv conv;  // stride 2
        std::array<tc::MemBlock, tc::kBlocks> blocks;
    };

    TaehvDecoder::Graph graph_;
    int64_t patch_ = 1;
    at::Tensor deviation_, mean_;  // as the decoder's
    tc::Conv in_, out_;            // encoder.0, encoder.17
    std::array<Stage, 3> stages_;  // encoder.2-6, 7-11, 12-16
};

}  // namespace flashvsr
