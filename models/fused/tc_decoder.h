// SPDX-License-Identifier: Apache-2.0
// TCDecoder for 16-bit CUDA: channels innermost, two latent frames at a time, every convolution
// with what follows it in one pass (models/fused/conv.h). The formulas are TcDecoder's; fewer
// values are rounded in between, and the weights of the resizing convolutions are composed.
#pragma once

#include <ATen/ATen.h>

#include <array>

#include "models/checkpoint/weights.h"
#include "models/decoder.h"
#include "models/decoders/tc_decoder.h"
#include "models/fused/conv.h"
#include "models/fused/tc_stage.h"
#include "models/placement.h"

namespace flashvsr {

class FusedTcDecoder : public Decoder {
  public:
    // Whether it can stand for a TcDecoder of this configuration: the released graph.
    static bool supports(const TcDecoder::Config& config);

    FusedTcDecoder(Weights& weights, int64_t latent_channels, const Placement& placement);

    // The memory is 9 of [1, h, w, C], made by the call that starts a stream unless it is there
    // already; every call then reads and writes it in place.
    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override;

    bool in_place() const override { return true; }
    std::optional<int64_t> halo() const override { return TcDecoder::halo_of({}); }
    int64_t parameters() const override { return parameters_; }

  private:
    at::Tensor input(const at::Tensor& latents, const at::Tensor& condition, int64_t lead) const;
    // What the last stage's blocks made of a frame, [1, H/2, W/2, C], to one of its two frames.
    void finish(const at::Tensor& x, int64_t part, const at::Tensor& frame) const;

    int64_t parameters_ = 0;
    FusedConv in_, deepen_in_;
    std::array<FusedTcStage, 3> stages_;
    std::array<int64_t, 3> channels_;
    FusedConv deepen_out_;
    FusedConvOut out_;
};

}  // namespace flashvsr
