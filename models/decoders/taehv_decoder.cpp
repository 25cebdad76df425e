// SPDX-License-Identifier: Apache-2.0
#include "models/decoders/taehv_decoder.h"

#include <cmath>

namespace flashvsr {
namespace {

using tc::kFrames;
using tc::kStageFrames;
using tc::kTrim;
using tc::layer;

}  // namespace

// A latent stands for 8 * patch pixels.
DecoderElements TaehvDecoder::elements(const Config& config, bool fused) {
    const DecoderElements whole = tc::stage_elements(config.channels, fused);
    const auto area = static_cast<double>(config.patch * config.patch);
    return {whole.state / area, whole.working / area};
}

Manifest TaehvDecoder::manifest(const Config& c) {
    Manifest m;
    tc::add_conv(m, layer(1), c.channels[0], c.latent_channels, 3, true);
    for (size_t s = 0; s < kStageIndex.size(); ++s)
        tc::add_stage(m, kStageIndex[s], c.channels[s], c.channels[s + 1], kStageFrames[s]);
    tc::add_conv(m, layer(22), 3 * c.patch * c.patch, c.channels[3], 3, true);
    return m;
}

TaehvDecoder::Config TaehvDecoder::config_of(const Weights& weights) {
    const int64_t pixels = size_of(weights, "decoder.22.weight", 0) / 3;
    return {size_of(weights, "decoder.1.weight", 1),
            {size_of(weights, "decoder.1.weight", 0), size_of(weights, "decoder.8.weight", 0),
             size_of(weights, "decoder.14.weight", 0), size_of(weights, "decoder.20.weight", 0)},
            std::lround(std::sqrt(static_cast<double>(pixels)))};
}

TaehvDecoder::TaehvDecoder(Weights& weights, const Graph& graph, const Placement& placement)
    : graph_(graph) {
    pass_over(weights, {"encoder."});
    const Config config = config_of(weights);
    patch_ = config.patch;
    check(weights, manifest(config));
    deviation_ = tc::channels(graph.deviation, placement);
    mean_ = tc::channels(graph.mean, placement);
    in_ = tc::read_conv(weights, layer(1), placement);
    for (size_t s = 0; s < stages_.size(); ++s)
        stages_[s] =
            tc::read_stage(weights, kStageIndex[s], kStageFrames[s], /*upsample=*/2, placement);
    out_ = tc::read_conv(weights, layer(22), placement);
}

at::Tensor TaehvDecoder::decode(const at::Tensor& latents, const at::Tensor& condition,
                                State& state) const {
    const int64_t count = latents.size(1);
    const bool first = condition.size(0) == kFrames * count - kTrim;
    TORCH_CHECK(first || condition.size(0) == kFrames * count, "decoder: ", condition.size(0),
                " frames for ", count, " latent frames");
    if (first) state.memory.assign(kStageIndex.size() * tc::kBlocks, {});
    std::vector<at::Tensor> frames;
    for (int64_t i = 0; i < count; ++i)
        frames.push_back(decode_latent(latents.select(1, i).unsqueeze(0), state));
    const at::Tensor all = at::cat(frames, 0).slice(0, first ? kTrim : 0);
    // In fp32, since shifting by 1 costs 16-bit types the darkest steps.
    return graph_.symmetric ? (all.to(at::kFloat) + 1) / 2 : all;
}

// latent: [1, C, h, w]; returns [4, 3, H, W].
at::Tensor TaehvDecoder::decode_latent(const at::Tensor& latent, State& state) const {
    at::Tensor x = deviation_.defined() ? latent * deviation_ : latent;
    if (mean_.defined()) x = x + mean_;
    x = tc::soft_clamp(x).contiguous(at::MemoryFormat::ChannelsLast);
    x = tc::activate(in_(x), graph_.leak);
    for (size_t s = 0; s < stages_.size(); ++s)
        x = stages_[s](x, graph_.leak, &state.memory[tc::kBlocks * s]);
    x = out_(tc::activate(x, graph_.leak));
    return at::pixel_shuffle(x, patch_).contiguous();
}

int64_t TaehvDecoder::parameters() const {
    int64_t count = in_.parameters() + out_.parameters();
    for (const tc::Stage& stage : stages_) count += stage.parameters();
    return count;
}

}  // namespace flashvsr
