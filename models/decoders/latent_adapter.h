// SPDX-License-Identifier: Apache-2.0
// From FlashVSR's latents to another VAE's: a decoder of latents of its own behind a linear map.
#pragma once

#include <ATen/ATen.h>

#include <memory>

#include "models/checkpoint/weights.h"
#include "models/decoder.h"
#include "models/manifest.h"
#include "models/placement.h"

namespace flashvsr {

// Latents of 8 x 8 pixels become ones of 16 x 16: each 2 x 2 of them are stacked, and a 3x3
// convolution maps them to the other VAE's channels. Beyond the border latents repeat.
class LatentAdapter {
  public:
    static constexpr int64_t kSide = 2;
    static Manifest manifest(int64_t in, int64_t out);

    LatentAdapter(Weights& weights, int64_t in, int64_t out, const Placement& placement);

    // [in, f, h, w] -> [out, f, h / 2, w / 2].
    at::Tensor operator()(const at::Tensor& latents) const;
    int64_t parameters() const { return weight_.numel() + bias_.numel(); }

    // What the convolution sees: [in, f, h, w] -> [f, 4 in, h / 2 + 2, w / 2 + 2], the border
    // repeated.
    static at::Tensor stacked(const at::Tensor& latents);

  private:
    at::Tensor weight_;  // [out, 4 in, 3, 3]
    at::Tensor bias_;    // [out]
};

class AdaptedDecoder : public Decoder {
  public:
    AdaptedDecoder(LatentAdapter adapter, std::unique_ptr<const Decoder> decoder)
        : adapter_(std::move(adapter)), decoder_(std::move(decoder)) {}

    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override {
        return decoder_->decode(adapter_(latents), condition, state);
    }
    bool in_place() const override { return decoder_->in_place(); }
    bool clamps() const override { return decoder_->clamps(); }
    std::optional<int64_t> halo() const override {
        const std::optional<int64_t> behind = decoder_->halo();
        constexpr int64_t kConv = 1;
        if (!behind) return {};
        return (*behind + kConv) * LatentAdapter::kSide;
    }
    int64_t parameters() const override { return adapter_.parameters() + decoder_->parameters(); }

  private:
    LatentAdapter adapter_;
    std::unique_ptr<const Decoder> decoder_;
};

}  // namespace flashvsr
