// SPDX-License-Identifier: Apache-2.0
// What TCDecoder and the TAEHV autoencoders are made of (docs/model.md sections 8 and 10.1).
// Layers are named by their index in the checkpoint's flat sequence.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/checkpoint/weights.h"
#include "models/decoder.h"
#include "models/manifest.h"
#include "models/placement.h"

namespace flashvsr::tc {

inline constexpr int64_t kFrames = 4;      // output frames per latent frame
inline constexpr int64_t kTrim = 3;        // frames that a stream's first latent frame lacks
inline constexpr int64_t kLatentSide = 8;  // pixels per latent
inline constexpr int64_t kBlocks = 3;      // MemBlocks of a stage

// TCDecoder's: index of each stage's first MemBlock, and its growth in time; `grow` and `conv` come
// 4 and 5 after.
inline constexpr std::array<int64_t, 3> kStageIndex = {5, 11, 17};
inline constexpr std::array<int64_t, 3> kStageFrames = {1, 2, 2};

inline std::string layer(int64_t index) { return "decoder." + std::to_string(index); }

struct Conv {
    at::Tensor weight;  // [out, in, k, k]
    at::Tensor bias;    // [out], or undefined
    at::Tensor operator()(const at::Tensor& x, int64_t stride = 1) const;
    int64_t parameters() const;
};

struct MemBlock {
    Conv conv_0, conv_2, conv_4;
    // leak: slope of the activations below zero. memory: the last frame before x, undefined where
    // the stream begins, and then x's last.
    at::Tensor operator()(const at::Tensor& x, double leak, at::Tensor& memory) const;
    int64_t parameters() const;
};

// MemBlocks at one resolution, then nearest resize, growth in time and the convolution after.
struct Stage {
    std::array<MemBlock, kBlocks> blocks;
    Conv grow;  // 1x1, to `frames` times the channels
    int64_t frames = 1;
    int64_t upsample = 2;
    Conv conv;
    // memory: one for each block.
    at::Tensor operator()(at::Tensor x, double leak, at::Tensor* memory) const;
    int64_t parameters() const;
};

// Cells beyond a tile that a stage looks at, when what follows it looks at `after` of the cells
// that it makes.
constexpr int64_t halo_of_stage(int64_t after, int64_t upsample) {
    constexpr int64_t kConvs = 3 * kBlocks;
    return (after + 1 + upsample - 1) / upsample + kConvs;
}

// What three stages of these widths and an output take, at an eighth, a quarter and half of the
// sides. fused: see run_stages (models/fused/tc_stage.h).
DecoderElements stage_elements(const std::array<int64_t, 4>& channels, bool fused);

// In place: its callers own what they pass.
at::Tensor activate(at::Tensor x, double leak);
// [n, 1, 1], undefined for none.
at::Tensor channels(const std::vector<double>& values, const Placement& placement);
// 3 tanh(x / 3).
at::Tensor soft_clamp(const at::Tensor& x);

void add_conv(Manifest& m, const std::string& name, int64_t out, int64_t in, int64_t k, bool bias);
void add_block(Manifest& m, const std::string& name, int64_t channels);
// first: index of the stage's first MemBlock.
void add_stage(Manifest& m, int64_t first, int64_t in, int64_t out, int64_t frames);

// Takes layers out of a checked checkpoint.
Conv read_conv(Weights& weights, const std::string& name, const Placement& placement);
MemBlock read_block(Weights& weights, const std::string& name, const Placement& placement);
Stage read_stage(Weights& weights, int64_t first, int64_t frames, int64_t upsample,
                 const Placement& placement);

}  // namespace flashvsr::tc
