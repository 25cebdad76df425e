// SPDX-License-Identifier: Apache-2.0
// WanDecoder for 16-bit CUDA: channels innermost, every convolution with bias and residual in one
// pass, which reads the frames before its own where they are remembered (models/fused/conv.h); norm
// and activation are one pass (kernels/pixel_norm.h). The formulas are WanDecoder's; fewer values
// are rounded in between, and the weights of the resizing convolutions are composed.
#pragma once

#include <ATen/ATen.h>

#include <array>

#include "models/checkpoint/weights.h"
#include "models/decoder.h"
#include "models/decoders/wan_layers.h"
#include "models/fused/conv.h"
#include "models/placement.h"

namespace flashvsr {

class FusedWanDecoder : public Decoder {
  public:
    // Whether it can stand for a WanDecoder of this width.
    static bool supports(int64_t width);

    // Names of the encoder are passed over.
    FusedWanDecoder(Weights& weights, WanVersion version, const Placement& placement);

    // The memory is WanDecoder's as [2, h, w, C], zeros where the stream begins; every call after
    // the one that starts a stream reads and writes it in place.
    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override;
    bool in_place() const override { return true; }
    bool clamps() const override { return true; }
    std::optional<int64_t> halo() const override { return {}; }  // attention
    int64_t parameters() const override { return parameters_; }

  private:
    struct Block {
        at::Tensor norm_0, norm_3;
        FusedConv conv_2, conv_6;
        FusedConv shortcut;  // undefined where the widths agree
        // x: [n, h, w, C], which it may write over. memory: two.
        at::Tensor operator()(const at::Tensor& x, at::Tensor* memory) const;
    };
    struct Attention {
        at::Tensor norm;
        at::Tensor qkv_weight, qkv_bias;  // [3 C, C], [3 C]: queries are scaled
        at::Tensor proj_weight, proj_bias;
        at::Tensor operator()(const at::Tensor& x) const;  // writes over x
    };
    // As WanDecoder's.
    struct Stage {
        std::array<Block, 3> blocks;
        FusedConv earlier, later;  // time_conv's halves; undefined where the number of frames stays
        FusedUpConv resample;      // undefined in the last stage
        int64_t shortcut = 0;
        at::Tensor operator()(at::Tensor x, bool first, at::Tensor*& memory) const;
        at::Tensor double_frames(const at::Tensor& x, bool first, at::Tensor& memory) const;
    };

    static Block take_block(const wan::Reader& read, const std::string& name,
                            const Placement& placement);
    static Attention take_attention(const wan::Reader& read, const std::string& name,
                                    const Placement& placement);
    static Stage take_stage(const wan::Reader& read, const wan::Graph& graph, size_t stage,
                            int64_t width, const Placement& placement);

    // What the first stage makes of n latent frames, or of the stream's first: [n or 2 n, ...].
    at::Tensor begin(const at::Tensor& latents, bool first, State& state) const;
    // What the others make of one latent frame's, into its frames, [1 or 4, 3, H, W] in [-1, 1].
    void finish(at::Tensor x, bool first, State& state, const at::Tensor& frames) const;

    const wan::Graph& graph_;
    int64_t parameters_ = 0;
    at::Tensor mean_, scale_;               // [C]
    at::Tensor conv2_weight_, conv2_bias_;  // [C, C], [C]
    FusedConv conv1_;
    Block middle_0_, middle_2_;
    Attention middle_1_;
    std::array<Stage, 4> stages_;
    at::Tensor head_0_;
    FusedConv head_2_;  // with outputs that fill up to eights
};

}  // namespace flashvsr
