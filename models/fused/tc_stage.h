// SPDX-License-Identifier: Apache-2.0
// Stages of TCDecoder and of the TAEHV decoders (models/decoders/tc_layers.h), fused: channels
// innermost, every convolution with what follows it in one pass, the block's past read where it
// lies.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "models/checkpoint/weights.h"
#include "models/decoders/tc_layers.h"
#include "models/fused/conv.h"
#include "models/placement.h"

namespace flashvsr {

// A convolution by its name in the checkpoint, with its bias if that has one.
FusedConv take_fused_conv(Weights& weights, const std::string& name, const FusedConv::Shape& shape,
                          const Placement& placement);

struct FusedMemBlock {
    FusedConv conv_0, conv_2, conv_4;
    float leak = 0.0f;

    static FusedMemBlock take(Weights& weights, const std::string& name, double leak,
                              const Placement& placement);
    // x: [n, h, w, C], frames in order, which it may write over. memory: [1, h, w, C], the frame
    // before x, and then x's last.
    at::Tensor operator()(const at::Tensor& x, at::Tensor& memory) const;
};

struct FusedTcStage {
    std::array<FusedMemBlock, tc::kBlocks> blocks;
    FusedUpConv up;  // resize, growth in time and convolution

    // first: index of the first block's layer.
    static FusedTcStage take(Weights& weights, int64_t first, double leak,
                             const Placement& placement);
    // The blocks alone. memory: one for each.
    at::Tensor operator()(at::Tensor x, at::Tensor* memory) const;
};

// Three stages, four frames of a latent frame: two latent frames at a time at low resolution, then
// one, and one frame where it leaves, for the sake of memory.
//   input(first, n): what the first stage takes for n latent frames from `first` on, [n, h, w, C]
//   finish(x, part, frame): x is what the last stage's blocks made, [1, h, w, C], and the part-th
//   of its two frames is frame `frame` of the call
// lead: frames that the first latent frame lacks; they are not finished. memory: nine.
void run_stages(
    const std::array<FusedTcStage, 3>& stages, int64_t latents, int64_t lead,
    std::vector<at::Tensor>& memory,
    const std::function<at::Tensor(int64_t first, int64_t n)>& input,
    const std::function<void(const at::Tensor& x, int64_t part, int64_t frame)>& finish);

// Zeros in place, or made: of three stages' blocks for latents of [h, w], each stage twice as large
// as the one before.
void start_memory(std::vector<at::Tensor>& memory, int64_t h, int64_t w,
                  const std::array<int64_t, 3>& channels, const at::TensorOptions& options);

}  // namespace flashvsr
