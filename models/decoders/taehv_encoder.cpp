// SPDX-License-Identifier: Apache-2.0
#include "models/decoders/taehv_encoder.h"

#include <cmath>

namespace flashvsr {
namespace {

constexpr std::array<int64_t, 3> kStageIndex = {2, 7, 12};  // of each stage's pool
constexpr std::array<int64_t, 3> kStageFrames = {2, 2, 1};

std::string layer(int64_t index) { return "encoder." + std::to_string(index); }

}  // namespace

Manifest TaehvEncoder::manifest(int64_t latent_channels, int64_t width, int64_t patch) {
    Manifest m;
    tc::add_conv(m, layer(0), width, 3 * patch * patch, 3, true);
    for (size_t s = 0; s < kStageIndex.size(); ++s) {
        const int64_t first = kStageIndex[s];
        tc::add_conv(m, layer(first) + ".conv", width, kStageFrames[s] * width, 1, false);
        tc::add_conv(m, layer(first + 1), width, width, 3, false);
        for (int64_t i = 0; i < tc::kBlocks; ++i) tc::add_block(m, layer(first + 2 + i), width);
    }
    tc::add_conv(m, layer(17), latent_channels, width, 3, true);
    return m;
}

TaehvEncoder::TaehvEncoder(Weights& weights, const TaehvDecoder::Graph& graph,
                           const Placement& placement)
    : graph_(graph) {
    pass_over(weights, {"decoder."});
    const int64_t pixels = size_of(weights, layer(0) + ".weight", 1) / 3;
    patch_ = std::lround(std::sqrt(static_cast<double>(pixels)));
    check(weights, manifest(size_of(weights, layer(17) + ".weight", 0),
                            size_of(weights, layer(0) + ".weight", 0), patch_));
    deviation_ = tc::channels(graph.deviation, placement);
    mean_ = tc::channels(graph.mean, placement);
    in_ = tc::read_conv(weights, layer(0), placement);
    for (size_t s = 0; s < stages_.size(); ++s) {
        const int64_t first = kStageIndex[s];
        stages_[s].pool = tc::read_conv(weights, layer(first) + ".conv", placement);
        stages_[s].frames = kStageFrames[s];
        stages_[s].conv = tc::read_conv(weights, layer(first + 1), placement);
        for (int64_t i = 0; i < tc::kBlocks; ++i)
            stages_[s].blocks[i] = tc::read_block(weights, layer(first + 2 + i), placement);
    }
    out_ = tc::read_conv(weights, layer(17), placement);
}

at::Tensor TaehvEncoder::encode(const at::Tensor& frames) const {
    // The last frame stands for the three that the decoder drops at the other end.
    at::Tensor x = at::cat({frames, frames.slice(0, -1).expand({tc::kTrim, -1, -1, -1})}, 0);
    if (!graph_.symmetric) x = (x + 1) / 2;
    x = at::pixel_unshuffle(x, patch_).contiguous(at::MemoryFormat::ChannelsLast);
    x = tc::activate(in_(x), graph_.leak);
    for (const Stage& stage : stages_) {
        x = x.reshape({x.size(0) / stage.frames, stage.frames * x.size(1), x.size(2), x.size(3)});
        x = stage.conv(stage.pool(x), /*stride=*/2);
        for (const tc::MemBlock& block : stage.blocks) {
            at::Tensor none;
            x = block(x, graph_.leak, none);
        }
    }
    x = out_(x);
    if (mean_.defined()) x = x - mean_;
    if (deviation_.defined()) x = x / deviation_;
    return x.transpose(0, 1);
}

}  // namespace flashvsr
