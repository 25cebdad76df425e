// The Wan2.1 VAE's decoder, and LightVAE's, which is the same graph at a quarter of the width
// (spec/flashvsr.md sections 9 and 10.1).
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <string>
#include <vector>

#include "models/checkpoint/weights.h"
#include "models/decoder.h"
#include "models/manifest.h"
#include "models/placement.h"

namespace flashvsr {

// Decodes one latent frame after the other with carried features: 1 frame of the stream's first
// latent frame and 4 of each later one. That equals decoding the whole stream at once. The
// condition tells the number of frames and is not looked at.
class WanDecoder : public Decoder {
  public:
    // width: channels at full resolution, 96 in Wan2.1 and 24 in LightVAE.
    static Manifest manifest(int64_t width);

    // Names of the encoder are passed over.
    WanDecoder(Weights& weights, const Placement& placement);

    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override;
    bool clamps() const override { return true; }
    int64_t parameters() const override;

  private:
    // Tensors are [frames, C, h, w].
    struct Conv {
        at::Tensor weight;  // [out, in, 3, 3] or [out, in, 1, 1]; causal: [out, in, 3, k, k]
        at::Tensor bias;    // [out]
        at::Tensor operator()(const at::Tensor& x) const;
        // Over time as well: `memory` holds the two frames before x, and then x's last two.
        at::Tensor causal(const at::Tensor& x, at::Tensor& memory) const;
    };
    struct ResidualBlock {
        at::Tensor norm_0, norm_3;  // residual.0, residual.3: [C, 1, 1]
        Conv conv_2, conv_6;        // residual.2, residual.6
        Conv shortcut;              // undefined where the widths agree
        at::Tensor operator()(const at::Tensor& x, at::Tensor* memory) const;
    };
    struct Attention {
        at::Tensor norm;  // [C, 1, 1]
        Conv to_qkv, proj;
        at::Tensor operator()(const at::Tensor& x) const;
    };
    // Three blocks, then, but for the last stage, twice the frames in two of the stages, and twice
    // the resolution.
    struct Stage {
        std::array<ResidualBlock, 3> blocks;
        Conv time_conv;  // undefined where the number of frames stays
        Conv resample;   // undefined in the last stage
        at::Tensor operator()(at::Tensor x, bool first, at::Tensor*& memory) const;
    };

    at::Tensor decode_frame(const at::Tensor& latent, bool first, State& state) const;
    std::vector<const Conv*> convs() const;

    at::Tensor mean_, scale_;  // [16, 1, 1]: of the latents, scale = 1 / deviation
    Conv conv2_, conv1_;       // conv2, decoder.conv1
    ResidualBlock middle_0_, middle_2_;
    Attention middle_1_;
    std::array<Stage, 4> stages_;  // upsamples.0-3, 4-7, 8-11, 12-14
    at::Tensor head_0_;            // [width, 1, 1]
    Conv head_2_;
};

}  // namespace flashvsr
