// SPDX-License-Identifier: Apache-2.0
// Decoders of the TAEHV family for 16-bit CUDA; as FusedTcDecoder to TcDecoder.
#pragma once

#include <ATen/ATen.h>

#include <array>

#include "models/checkpoint/weights.h"
#include "models/decoder.h"
#include "models/decoders/taehv_decoder.h"
#include "models/fused/conv.h"
#include "models/fused/tc_stage.h"
#include "models/placement.h"

namespace flashvsr {

class FusedTaehvDecoder : public Decoder {
  public:
    // Names of the encoder are passed over.
    FusedTaehvDecoder(Weights& weights, const TaehvDecoder::Graph& graph,
                      const Placement& placement);

    // The memory is 9 of [1, h, w, C], as FusedTcDecoder's.
    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override;
    bool in_place() const override { return true; }
    bool clamps() const override { return true; }
    std::optional<int64_t> halo() const override { return TaehvDecoder::kHalo; }
    int64_t parameters() const override { return parameters_; }

  private:
    // latents: [C, n, h, w]; returns [n, h, w, C].
    at::Tensor input(const at::Tensor& latents) const;
    // As FusedTcDecoder's.
    void finish(const at::Tensor& x, int64_t part, const at::Tensor& frame) const;

    float leak_;
    bool symmetric_;
    int64_t patch_;
    int64_t parameters_ = 0;
    at::Tensor deviation_, mean_;  // [1 or C], fp32, or undefined
    FusedConv in_;
    std::array<FusedTcStage, 3> stages_;
    std::array<int64_t, 3> channels_;
    // decoder.22, to planes, or for patches to 3 * patch^2 channels and some that fill up to
    // eights.
    FusedConvOut out_;
    FusedConv patch_out_;
};

}  // namespace flashvsr
