// SPDX-License-Identifier: Apache-2.0
#include "models/decoders/wan_encoder.h"

#include "models/norm.h"

namespace flashvsr {
namespace {

constexpr size_t kStages = 4;
constexpr size_t kModules = 3;  // of a stage: two blocks and what follows them
constexpr std::array<bool, kStages> kHalvesFrames = {false, true, true, false};

std::string module(const wan::Graph& graph, size_t stage, size_t index) {
    return graph.module("encoder.downsamples.", stage, kModules, index);
}

int64_t stage_input(size_t stage) { return stage == 0 ? 1 : wan::kStageWidth[stage - 1]; }

at::Tensor without_past(const wan::ResidualBlock& block, const at::Tensor& x) {
    at::Tensor none[2];
    return block(x, none);
}

at::Tensor without_past(const wan::Conv& conv, const at::Tensor& x) {
    at::Tensor none;
    return conv.causal(x, none);
}

// Means over the frames and pixels that become one, and over groups of channels. The first frame
// stands alone: before it lie zeros.
at::Tensor averaged(at::Tensor x, int64_t channels, int64_t frames, int64_t side) {
    if (frames > 1) x = at::cat({at::zeros_like(x.narrow(0, 0, frames - 1)), x}, 0);
    const int64_t count = x.size(0) / frames;
    const int64_t height = x.size(2) / side;
    const int64_t width = x.size(3) / side;
    return x.view({count, frames, x.size(1), height, side, width, side})
        .permute({0, 2, 1, 4, 6, 3, 5})
        .reshape({count, channels, -1, height, width})
        .mean(2);
}

// [n, 3, p h, p w] -> [n, 3 p^2, h, w], as the decoder undoes it.
at::Tensor patchify(const at::Tensor& x, int64_t patch) {
    if (patch == 1) return x;
    const int64_t height = x.size(2) / patch;
    const int64_t width = x.size(3) / patch;
    return x.view({x.size(0), 3, height, patch, width, patch})
        .permute({0, 1, 5, 3, 2, 4})
        .reshape({x.size(0), 3 * patch * patch, height, width});
}

}  // namespace

Manifest WanEncoder::manifest(WanVersion version, int64_t width) {
    const wan::Graph& graph = wan::graph_of(version);
    const int64_t latents = 2 * graph.latent_channels;  // means and logarithms of variances
    const int64_t wide = wan::kStageWidth.back() * width;
    Manifest m;
    wan::add_conv(m, "encoder.conv1", {width, 3 * graph.patch * graph.patch, 3, 3, 3});
    for (size_t s = 0; s < kStages; ++s) {
        const int64_t out = wan::kStageWidth[s] * width;
        wan::add_residual_block(m, module(graph, s, 0), stage_input(s) * width, out);
        wan::add_residual_block(m, module(graph, s, 1), out, out);
        const std::string last = module(graph, s, 2);
        if (s + 1 < kStages) wan::add_conv(m, last + "resample.1", {out, out, 3, 3});
        if (kHalvesFrames[s]) wan::add_conv(m, last + "time_conv", {out, out, 3, 1, 1});
    }
    wan::add_middle(m, "encoder.", wide);
    m.push_back({"encoder.head.0.gamma", {wide, 1, 1, 1}});
    wan::add_conv(m, "encoder.head.2", {latents, wide, 3, 3, 3});
    wan::add_conv(m, "conv1", {latents, latents, 1, 1, 1});
    return m;
}

WanEncoder::WanEncoder(Weights& weights, WanVersion version, const Placement& placement)
    : graph_(wan::graph_of(version)) {
    pass_over(weights, {"decoder.", "conv2."});
    const int64_t width = size_of(weights, "encoder.conv1.weight", 0);
    check(weights, manifest(version, width));

    const wan::Reader read(weights, placement);
    mean_ = read.channels(graph_.mean);
    scale_ = read.channels(graph_.scale());
    conv1_in_ = read.conv("encoder.conv1");
    for (size_t s = 0; s < kStages; ++s) {
        for (size_t i = 0; i < 2; ++i) stages_[s].blocks[i] = read.block(module(graph_, s, i));
        stages_[s].resample = read.conv(module(graph_, s, 2) + "resample.1");
        stages_[s].time_conv = read.conv(module(graph_, s, 2) + "time_conv");
        if (graph_.shortcuts) stages_[s].shortcut = wan::kStageWidth[s] * width;
    }
    middle_0_ = read.block("encoder.middle.0.");
    middle_1_ = read.attention("encoder.middle.1.");
    middle_2_ = read.block("encoder.middle.2.");
    head_0_ = read.gamma("encoder.head.0");
    head_2_ = read.conv("encoder.head.2");
    conv1_ = read.conv_1x1x1("conv1");
}

at::Tensor WanEncoder::Stage::operator()(at::Tensor x) const {
    const at::Tensor before = x;
    for (const wan::ResidualBlock& block : blocks) x = without_past(block, x);
    const bool resamples = resample.weight.defined();
    const bool halves = time_conv.weight.defined();
    if (resamples)
        x = at::conv2d(at::constant_pad_nd(x, {0, 1, 0, 1}), resample.weight, resample.bias,
                       /*stride=*/2);
    if (halves && x.size(0) > 1) {
        // The first frame stays as it is.
        const at::Tensor pooled =
            at::conv3d(x.transpose(0, 1).unsqueeze(0), time_conv.weight, time_conv.bias, {2, 1, 1})
                .squeeze(0)
                .transpose(0, 1);
        x = at::cat({x.narrow(0, 0, 1), pooled}, 0);
    }
    if (shortcut == 0) return x;
    return x + averaged(before, shortcut, halves ? 2 : 1, resamples ? 2 : 1);
}

at::Tensor WanEncoder::encode(const at::Tensor& frames) const {
    TORCH_CHECK(frames.size(0) % wan::kFrames == 1, "encoder: ", frames.size(0), " frames");
    at::Tensor x = without_past(conv1_in_, patchify(frames, graph_.patch));
    for (const Stage& stage : stages_) x = stage(x);
    x = middle_1_(without_past(middle_0_, x));
    x = without_past(middle_2_, x);
    x = without_past(head_2_, at::silu(channel_norm(x, head_0_)));
    const at::Tensor mean = conv1_(x).narrow(1, 0, graph_.latent_channels);
    return ((mean - mean_) * scale_).transpose(0, 1);
}

}  // namespace flashvsr
