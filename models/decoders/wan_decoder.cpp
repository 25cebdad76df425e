// SPDX-License-Identifier: Apache-2.0
#include "models/decoders/wan_decoder.h"

#include "models/norm.h"

namespace flashvsr {
namespace {

constexpr size_t kStages = 4;
constexpr size_t kModules = 4;  // of a stage: three blocks and what follows them
constexpr int64_t kWide = wan::kStageWidth[kStages - 1];
constexpr std::array<bool, kStages> kDoublesFrames = {true, true, false, false};

// Channels that the first block of a stage takes.
int64_t stage_input(const wan::Graph& graph, size_t stage) {
    if (stage == 0) return kWide;
    return WanDecoder::stage_width(stage - 1) / (graph.halves ? 2 : 1);
}

// Each channel of x, repeated, fills the frames and pixels that one of x's positions becomes.
at::Tensor repeated(const at::Tensor& x, int64_t channels, int64_t frames) {
    constexpr int64_t kSide = 2;
    const int64_t repeats = channels * frames * kSide * kSide / x.size(1);
    return x.repeat_interleave(repeats, 1)
        .view({x.size(0), channels, frames, kSide, kSide, x.size(2), x.size(3)})
        .permute({0, 2, 1, 5, 3, 6, 4})
        .reshape({x.size(0) * frames, channels, kSide * x.size(2), kSide * x.size(3)});
}

// [n, 3 p^2, h, w] -> [n, 3, p h, p w]; of a channel's p^2 the columns are the slower.
at::Tensor unpatchify(const at::Tensor& x, int64_t patch) {
    if (patch == 1) return x;
    return x.view({x.size(0), 3, patch, patch, x.size(2), x.size(3)})
        .permute({0, 1, 4, 3, 5, 2})
        .reshape({x.size(0), 3, patch * x.size(2), patch * x.size(3)});
}

}  // namespace

int64_t WanDecoder::width_of(const Weights& weights) {
    return size_of(weights, "decoder.head.0.gamma", 0);
}

int64_t WanDecoder::stage_width(size_t stage) { return wan::kStageWidth[kStages - 1 - stage]; }

std::string WanDecoder::module(const wan::Graph& graph, size_t stage, size_t index) {
    return graph.module("decoder.upsamples.", stage, kModules, index);
}

// Two frames before each convolution over time, in stages of 4, 4, 2 and 1 times the width at an
// eighth to all of the sides; four frames at once where they are largest, in a block four times, by
// LibTorch's operations six times.
DecoderElements WanDecoder::elements(int64_t width, int64_t patch, bool fused) {
    const double share = static_cast<double>(width) / static_cast<double>(patch * patch);
    return {share * (2 * 7 + 2 * 2 * 6 / 4.0 + 2 * 4 * 7 / 16.0 + 2 * 4 * 12 / 64.0),
            share * (fused ? 16 : 24)};
}

Manifest WanDecoder::manifest(WanVersion version, int64_t width) {
    const wan::Graph& graph = wan::graph_of(version);
    const int64_t wide = kWide * width;
    const int64_t latents = graph.latent_channels;
    Manifest m;
    wan::add_conv(m, "conv2", {latents, latents, 1, 1, 1});
    wan::add_conv(m, "decoder.conv1", {wide, latents, 3, 3, 3});
    wan::add_middle(m, "decoder.", wide);
    for (size_t s = 0; s < kStages; ++s) {
        const int64_t out = stage_width(s) * width;
        for (size_t i = 0; i < 3; ++i)
            wan::add_residual_block(m, module(graph, s, i),
                                    i == 0 ? stage_input(graph, s) * width : out, out);
        const std::string last = module(graph, s, 3);
        if (kDoublesFrames[s]) wan::add_conv(m, last + "time_conv", {2 * out, out, 3, 1, 1});
        if (s + 1 < kStages)
            wan::add_conv(m, last + "resample.1", {graph.halves ? out / 2 : out, out, 3, 3});
    }
    m.push_back({"decoder.head.0.gamma", {width, 1, 1, 1}});
    wan::add_conv(m, "decoder.head.2", {3 * graph.patch * graph.patch, width, 3, 3, 3});
    return m;
}

WanDecoder::WanDecoder(Weights& weights, WanVersion version, const Placement& placement)
    : graph_(wan::graph_of(version)) {
    pass_over(weights, {"encoder.", "conv1."});
    const int64_t width = width_of(weights);
    check(weights, manifest(version, width));

    const wan::Reader read(weights, placement);
    mean_ = read.channels(graph_.mean);
    scale_ = read.channels(graph_.scale());
    conv2_ = read.conv_1x1x1("conv2");
    conv1_ = read.conv("decoder.conv1");
    middle_0_ = read.block("decoder.middle.0.");
    middle_1_ = read.attention("decoder.middle.1.");
    middle_2_ = read.block("decoder.middle.2.");
    for (size_t s = 0; s < kStages; ++s) {
        for (size_t i = 0; i < 3; ++i) stages_[s].blocks[i] = read.block(module(graph_, s, i));
        stages_[s].time_conv = read.conv(module(graph_, s, 3) + "time_conv");
        stages_[s].resample = read.conv(module(graph_, s, 3) + "resample.1");
        if (graph_.shortcuts && s + 1 < kStages) stages_[s].shortcut = stage_width(s) * width;
    }
    head_0_ = read.gamma("decoder.head.0");
    head_2_ = read.conv("decoder.head.2");
}

at::Tensor WanDecoder::Stage::operator()(at::Tensor x, bool first, at::Tensor*& memory) const {
    const at::Tensor before = x;
    for (const wan::ResidualBlock& block : blocks) {
        x = block(x, memory);
        memory += 2;
    }
    const bool doubles = time_conv.weight.defined();
    if (doubles) {
        if (first) {
            // Not doubled, and not remembered either.
            *memory = wan::zero_past(x);
        } else {
            // The first half of the channels is the earlier frame.
            const at::Tensor grown = time_conv.causal(x, *memory);
            x = grown.reshape({2 * x.size(0), x.size(1), x.size(2), x.size(3)});
        }
        ++memory;
    }
    if (!resample.weight.defined()) return x;
    x = resample(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
    if (shortcut == 0) return x;
    const at::Tensor around = repeated(before, shortcut, doubles ? 2 : 1);
    return x + around.slice(0, around.size(0) - x.size(0));
}

at::Tensor WanDecoder::decode(const at::Tensor& latents, const at::Tensor& condition,
                              State& state) const {
    const int64_t count = latents.size(1);
    const bool first = condition.size(0) == wan::kFrames * count - 3;
    TORCH_CHECK(first || condition.size(0) == wan::kFrames * count, "decoder: ", condition.size(0),
                " frames for ", count, " latent frames");
    constexpr size_t kSlots = 1 + 2 + 2 + 4 * 6 + 2 + 1;
    if (first) state.memory.assign(kSlots, {});
    std::vector<at::Tensor> frames;
    for (int64_t i = 0; i < count; ++i)
        frames.push_back(decode_frame(latents.select(1, i).unsqueeze(0), first && i == 0, state));
    // In fp32, since shifting by 1 costs 16-bit types the darkest steps.
    return (at::cat(frames, 0).to(at::kFloat) + 1) / 2;
}

// latent: [1, C, h, w]; returns [1 or 4, 3, H, W] in [-1, 1].
at::Tensor WanDecoder::decode_frame(const at::Tensor& latent, bool first, State& state) const {
    at::Tensor* memory = state.memory.data();
    at::Tensor x = conv2_(latent / scale_ + mean_);
    x = conv1_.causal(x, *memory++);
    x = middle_0_(x, memory);
    memory += 2;
    x = middle_1_(x);
    x = middle_2_(x, memory);
    memory += 2;
    for (const Stage& stage : stages_) x = stage(x, first, memory);
    x = head_2_.causal(at::silu(channel_norm(x, head_0_)), *memory);
    return unpatchify(x, graph_.patch);
}

int64_t WanDecoder::parameters() const {
    int64_t count = conv2_.parameters() + conv1_.parameters() + middle_0_.parameters() +
                    middle_1_.parameters() + middle_2_.parameters() + head_0_.numel() +
                    head_2_.parameters();
    for (const Stage& stage : stages_) {
        for (const wan::ResidualBlock& block : stage.blocks) count += block.parameters();
        count += stage.time_conv.parameters() + stage.resample.parameters();
    }
    return count;
}

}  // namespace flashvsr
