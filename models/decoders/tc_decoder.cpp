// SPDX-License-Identifier: Apache-2.0
#include "models/decoders/tc_decoder.h"

#include <algorithm>

#include "models/decoders/tc_layers.h"

namespace flashvsr {
namespace {

using tc::activate;
using tc::kFrames;
using tc::kLatentSide;
using tc::kStageFrames;
using tc::kStageIndex;
using tc::kTrim;
using tc::layer;

int64_t condition_channel_count(int64_t patch) { return 3 * kFrames * patch * patch; }

// [4, 3, H, W] -> [1, 12 p^2, H/p, W/p]; channel = ((c * 4 + dt) * p + dy) * p + dx.
at::Tensor condition_channels(const at::Tensor& frames, int64_t patch) {
    const int64_t h = frames.size(2) / patch;
    const int64_t w = frames.size(3) / patch;
    return frames.view({kFrames, 3, h, patch, w, patch})
        .permute({1, 0, 3, 5, 2, 4})
        .reshape({1, condition_channel_count(patch), h, w});
}

}  // namespace

Manifest TcDecoder::manifest(const Config& c) {
    Manifest m;
    tc::add_conv(m, layer(1), c.channels[0],
                 condition_channel_count(c.graph.patch) + c.latent_channels, 3, true);
    tc::add_conv(m, layer(3), c.channels[0], c.channels[0], 3, false);
    for (size_t s = 0; s < kStageIndex.size(); ++s)
        tc::add_stage(m, kStageIndex[s], c.channels[s], c.channels[s + 1], kStageFrames[s]);
    tc::add_conv(m, layer(24), c.channels[3], c.channels[3], 3, false);
    tc::add_conv(m, layer(26), 3 * c.graph.shuffle * c.graph.shuffle, c.channels[3], 3, true);
    return m;
}

TcDecoder::Config TcDecoder::config_of(const Weights& weights, int64_t latent_channels,
                                       const Graph& graph) {
    return {latent_channels,
            {size_of(weights, "decoder.1.weight", 0), size_of(weights, "decoder.10.weight", 0),
             size_of(weights, "decoder.16.weight", 0), size_of(weights, "decoder.22.weight", 0)},
            graph};
}

// In a graph of model.json the first stage's cells are `patch` pixels wide.
DecoderElements TcDecoder::elements(const Config& config, bool fused) {
    if (config.graph.patch == kLatentSide && config.graph.shuffle == 1)
        return tc::stage_elements(config.channels, fused);
    DecoderElements elements;
    double side = static_cast<double>(config.graph.patch);
    for (size_t s = 0; s < kStageIndex.size(); ++s) {
        const auto width = static_cast<double>(config.channels[s]);
        elements.state += tc::kBlocks * width / (side * side);
        elements.working = std::max(elements.working, 4 * 5 * width / (side * side));
        side /= static_cast<double>(config.graph.upsample[s]);
    }
    return elements;
}

int64_t TcDecoder::halo_of(const Graph& graph) {
    constexpr int64_t kOut = 2, kIn = 2;  // convolutions after the stages and before them
    int64_t cells = kOut;
    for (size_t s = graph.upsample.size(); s-- > 0;)
        cells = tc::halo_of_stage(cells, graph.upsample[s]);
    return ((cells + kIn) * graph.patch + kLatentSide - 1) / kLatentSide;
}

TcDecoder::TcDecoder(Weights& weights, int64_t latent_channels, const Graph& graph,
                     const Placement& placement)
    : graph_(graph) {
    check(weights, manifest(config_of(weights, latent_channels, graph)));
    auto conv = [&](int64_t index) { return tc::read_conv(weights, layer(index), placement); };
    in_ = conv(1);
    deepen_in_ = conv(3);
    for (size_t s = 0; s < stages_.size(); ++s)
        stages_[s] =
            tc::read_stage(weights, kStageIndex[s], kStageFrames[s], graph.upsample[s], placement);
    deepen_out_ = conv(24);
    out_ = conv(26);
}

at::Tensor TcDecoder::decode(const at::Tensor& latents, const at::Tensor& condition,
                             State& state) const {
    const bool first = condition.size(0) == latents.size(1) * kFrames - kTrim;
    if (first) state.memory.assign(kStageIndex.size() * 3, {});
    // The first frame stands for the three that the first latent frame lacks.
    const at::Tensor padded =
        first ? at::cat({condition.narrow(0, 0, 1).expand({kTrim, -1, -1, -1}), condition}, 0)
              : condition;
    TORCH_CHECK(padded.size(0) == latents.size(1) * kFrames && !state.memory.empty(),
                "decoder: ", condition.size(0), " condition frames for ", latents.size(1),
                " latent frames");
    std::vector<at::Tensor> frames;
    for (int64_t i = 0; i < latents.size(1); ++i)
        frames.push_back(decode_latent(latents.select(1, i).unsqueeze(0),
                                       padded.narrow(0, i * kFrames, kFrames), state));
    const at::Tensor all = at::cat(frames, 0);
    return first ? all.narrow(0, kTrim, all.size(0) - kTrim) : all;
}

// latent: [1, 16, H/8, W/8]; condition: [4, 3, H, W]; returns [4, 3, H, W].
at::Tensor TcDecoder::decode_latent(const at::Tensor& latent, const at::Tensor& condition,
                                    State& state) const {
    const at::Tensor cells = condition_channels(condition, graph_.patch);
    const at::Tensor repeated =
        graph_.patch == kLatentSide
            ? latent
            : at::upsample_nearest2d(latent, {cells.size(2), cells.size(3)});
    at::Tensor x = at::cat({cells, repeated}, 1).contiguous(at::MemoryFormat::ChannelsLast);
    x = tc::soft_clamp(x);
    x = activate(in_(x), graph_.leak);
    x = activate(deepen_in_(x), graph_.leak);
    for (size_t s = 0; s < stages_.size(); ++s)
        x = stages_[s](x, graph_.leak, &state.memory[3 * s]);
    x = activate(deepen_out_(activate(x, graph_.leak)), graph_.leak);
    x = at::pixel_shuffle(out_(x), graph_.shuffle);
    if (graph_.skip) x = x + (condition + 1) / 2;
    return x.contiguous();
}

int64_t TcDecoder::parameters() const {
    int64_t count =
        in_.parameters() + deepen_in_.parameters() + deepen_out_.parameters() + out_.parameters();
    for (const tc::Stage& stage : stages_) count += stage.parameters();
    return count;
}

}  // namespace flashvsr
