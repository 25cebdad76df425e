// SPDX-License-Identifier: Apache-2.0
#include "models/fused/wan_decoder.h"

#include <algorithm>
#include <cmath>

#include "kernels/pixel_norm.h"
#include "models/decoders/wan_decoder.h"
#include "models/kernel_args.h"
#include "models/manifest.h"

namespace flashvsr {
namespace {

using wan::kFrames;

constexpr int64_t kAtOnce = 2;                  // latent frames, at their own resolution
constexpr int64_t kMaxChannels = 1024;          // of the norm
constexpr int64_t kMaxFlashChannels = 256;      // channels of a head
constexpr int64_t kScores = int64_t{16} << 20;  // of attention at once, fp32
constexpr size_t kBegin = 1 + 2 + 2 + 7;        // memories up to the first stage's end
constexpr size_t kMemories = kBegin + 7 + 6 + 6 + 1;

at::Tensor pixel_norm(const at::Tensor& x, const at::Tensor& gamma, bool silu,
                      const at::Tensor& y) {
    kernels::PixelNorm params;
    params.x = x.const_data_ptr();
    params.gamma = gamma.const_data_ptr();
    params.y = y.mutable_data_ptr();
    params.channels = static_cast<int>(x.size(3));
    params.pixels = x.numel() / x.size(3);
    params.silu = silu;
    params.type = element_type(x);
    FLASHVSR_LAUNCH(pixel_norm, x, params);
    return y;
}

at::Tensor activate(const at::Tensor& x, const at::Tensor& gamma) {
    return pixel_norm(x, gamma, /*silu=*/true, at::empty_like(x));
}

// Before a stream's first frames lie zeros.
void begin_memory(at::Tensor& memory, const at::Tensor& x) {
    if (!memory.defined()) memory = at::zeros({2, x.size(1), x.size(2), x.size(3)}, x.options());
}

// The last two of the frames remembered and x.
void remember_two(at::Tensor& memory, const at::Tensor& x) {
    const int64_t n = std::min<int64_t>(x.size(0), 2);
    if (n == 1) memory[0].copy_(memory[1]);
    memory.narrow(0, 2 - n, n).copy_(x.narrow(0, x.size(0) - n, n));
}

at::Tensor causal(const FusedConv& conv, const at::Tensor& x, at::Tensor& memory,
                  const Epilogue& epilogue = {}) {
    begin_memory(memory, x);
    const at::Tensor y = conv(x, memory, epilogue);
    remember_two(memory, x);
    return y;
}

// [n, h, w, C] -> [n * frames, 2 h, 2 w, channels]: each channel, repeated, fills the frames and
// pixels that a position becomes.
at::Tensor repeated(const at::Tensor& x, int64_t channels, int64_t frames) {
    const int64_t repeats = channels * frames * 4 / x.size(3);
    return x.repeat_interleave(repeats, 3)
        .view({x.size(0), x.size(1), x.size(2), channels, frames, 2, 2})
        .permute({0, 4, 1, 5, 2, 6, 3})
        .reshape({x.size(0) * frames, 2 * x.size(1), 2 * x.size(2), channels});
}

// [n, h, w, 3 p^2 and more] -> [n, 3, p h, p w]; of a channel's p^2 the columns are the slower.
at::Tensor unpatchify(const at::Tensor& x, int64_t patch) {
    return x.narrow(3, 0, 3 * patch * patch)
        .view({x.size(0), x.size(1), x.size(2), 3, patch, patch})
        .permute({0, 3, 1, 5, 2, 4})
        .reshape({x.size(0), 3, patch * x.size(1), patch * x.size(2)});
}

// [rows, C] times [C, columns] in fp32.
at::Tensor fp32_product(const at::Tensor& a, const at::Tensor& b) {
    return a.scalar_type() == at::kFloat ? at::mm(a, b) : at::mm(a, b, at::kFloat);
}

// softmax(q k^T) v of one frame, [positions, C] each, some queries at a time. There are 17
// thousand positions at 768x1408.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    if (q.is_cuda() && q.size(1) <= kMaxFlashChannels) {
        auto as_head = [](const at::Tensor& x) { return x.unsqueeze(0).unsqueeze(0); };
        return at::scaled_dot_product_attention(as_head(q), as_head(k), as_head(v), {}, 0.0, false,
                                                /*scale=*/1.0)
            .reshape(q.sizes());
    }
    const at::Tensor out = at::empty(q.sizes(), q.options());
    const int64_t step = std::max<int64_t>(kScores / k.size(0), 1);
    for (int64_t first = 0; first < q.size(0); first += step) {
        const at::Tensor rows = q.narrow(0, first, std::min(step, q.size(0) - first));
        const at::Tensor weights = at::softmax(fp32_product(rows, k.t()), 1).to(v.scalar_type());
        at::Tensor to = out.narrow(0, first, rows.size(0));
        at::mm_out(to, weights, v);
    }
    return out;
}

}  // namespace

bool FusedWanDecoder::supports(int64_t width) {
    return width % 8 == 0 && width * wan::kStageWidth.back() <= kMaxChannels;
}

FusedWanDecoder::FusedWanDecoder(Weights& weights, WanVersion version, const Placement& placement)
    : graph_(wan::graph_of(version)) {
    pass_over(weights, {"encoder.", "conv1."});
    const int64_t width = WanDecoder::width_of(weights);
    const Manifest manifest = WanDecoder::manifest(version, width);
    check(weights, manifest);
    parameters_ = parameter_count(manifest);

    const wan::Reader placed(weights, placement);
    mean_ = placed.channels(graph_.mean).flatten();
    scale_ = placed.channels(graph_.scale()).flatten();
    const wan::Conv conv2 = placed.conv("conv2");
    conv2_weight_ = conv2.weight.flatten(1);
    conv2_bias_ = conv2.bias;
    const Placement unrounded;  // weights that are composed are rounded afterwards
    const wan::Reader read(weights, unrounded);
    const wan::Conv conv1 = read.conv("decoder.conv1"), head = read.conv("decoder.head.2");
    conv1_ = FusedConv::causal(conv1.weight, conv1.bias, placement);
    middle_0_ = take_block(read, "decoder.middle.0.", placement);
    middle_1_ = take_attention(read, "decoder.middle.1.", placement);
    middle_2_ = take_block(read, "decoder.middle.2.", placement);
    for (size_t s = 0; s < stages_.size(); ++s)
        stages_[s] = take_stage(read, graph_, s, width, placement);
    head_0_ = placement.place(read.gamma("decoder.head.0").flatten());
    head_2_ =
        FusedConv::causal(pad_channels_to_8(head.weight), pad_channels_to_8(head.bias), placement);
}

FusedWanDecoder::Block FusedWanDecoder::take_block(const wan::Reader& read, const std::string& name,
                                                   const Placement& placement) {
    const wan::ResidualBlock plain = read.block(name);
    Block block;
    block.norm_0 = placement.place(plain.norm_0.flatten());
    block.norm_3 = placement.place(plain.norm_3.flatten());
    block.conv_2 = FusedConv::causal(plain.conv_2.weight, plain.conv_2.bias, placement);
    block.conv_6 = FusedConv::causal(plain.conv_6.weight, plain.conv_6.bias, placement);
    if (plain.shortcut.weight.defined())
        block.shortcut = FusedConv(plain.shortcut.weight, plain.shortcut.bias, {}, placement);
    return block;
}

FusedWanDecoder::Attention FusedWanDecoder::take_attention(const wan::Reader& read,
                                                           const std::string& name,
                                                           const Placement& placement) {
    const wan::Attention plain = read.attention(name);
    const int64_t channels = plain.norm.numel();
    at::Tensor weight = plain.to_qkv.weight.flatten(1).clone(), bias = plain.to_qkv.bias.clone();
    const double scale = 1 / std::sqrt(static_cast<double>(channels));
    weight.narrow(0, 0, channels).mul_(scale);
    bias.narrow(0, 0, channels).mul_(scale);
    return {placement.place(plain.norm.flatten()), placement.place(weight), placement.place(bias),
            placement.place(plain.proj.weight.flatten(1)), placement.place(plain.proj.bias)};
}

FusedWanDecoder::Stage FusedWanDecoder::take_stage(const wan::Reader& read, const wan::Graph& graph,
                                                   size_t stage, int64_t width,
                                                   const Placement& placement) {
    using Plan = WanDecoder;
    Stage result;
    for (size_t i = 0; i < 3; ++i)
        result.blocks[i] = take_block(read, Plan::module(graph, stage, i), placement);
    const wan::Conv time = read.conv(Plan::module(graph, stage, 3) + "time_conv");
    const wan::Conv resample = read.conv(Plan::module(graph, stage, 3) + "resample.1");
    if (time.weight.defined()) {
        // [2 C, C, 3, 1, 1]: the first half makes the earlier frame.
        const auto weights = time.weight.chunk(2), biases = time.bias.chunk(2);
        result.earlier = FusedConv::causal(weights[0], biases[0], placement);
        result.later = FusedConv::causal(weights[1], biases[1], placement);
    }
    if (resample.weight.defined()) {
        result.resample = FusedUpConv({}, resample.weight, resample.bias, placement);
        if (graph.shortcuts) result.shortcut = Plan::stage_width(stage) * width;
    }
    return result;
}

at::Tensor FusedWanDecoder::Block::operator()(const at::Tensor& x, at::Tensor* memory) const {
    const at::Tensor y = causal(conv_2, activate(x, norm_0), memory[0]);
    const at::Tensor around = shortcut.defined() ? shortcut(x) : x;
    return causal(conv_6, pixel_norm(y, norm_3, /*silu=*/true, y), memory[1], {1.0f, around});
}

at::Tensor FusedWanDecoder::Attention::operator()(const at::Tensor& x) const {
    const int64_t channels = x.size(3);
    const at::Tensor normed = pixel_norm(x, norm, /*silu=*/false, at::empty_like(x));
    const at::Tensor qkv = at::linear(normed.view({x.size(0), -1, channels}), qkv_weight, qkv_bias);
    for (int64_t frame = 0; frame < x.size(0); ++frame) {
        const std::vector<at::Tensor> parts = qkv[frame].chunk(3, 1);
        at::Tensor to = x[frame].view({-1, channels});
        to.add_(at::linear(attend(parts[0], parts[1], parts[2]), proj_weight, proj_bias));
    }
    return x;
}

at::Tensor FusedWanDecoder::Stage::double_frames(const at::Tensor& x, bool first,
                                                 at::Tensor& memory) const {
    begin_memory(memory, x);
    // The stream's first frame is not doubled, and not remembered either.
    if (first) return x;
    const at::Tensor y = at::empty({x.size(0), 2, x.size(1), x.size(2), x.size(3)}, x.options());
    earlier.write(x, memory, y.select(1, 0));
    later.write(x, memory, y.select(1, 1));
    remember_two(memory, x);
    return y.flatten(0, 1);
}

at::Tensor FusedWanDecoder::Stage::operator()(at::Tensor x, bool first, at::Tensor*& memory) const {
    const bool doubles = earlier.defined();
    at::Tensor around;
    if (shortcut > 0) {
        around = repeated(x, shortcut, doubles ? 2 : 1);
        if (doubles && first) around = around.narrow(0, 1, 1);
    }
    for (const Block& block : blocks) {
        x = block(x, memory);
        memory += 2;
    }
    if (doubles) x = double_frames(x, first, *memory++);
    return resample.defined() ? resample(x, {1.0f, around}) : x;
}

at::Tensor FusedWanDecoder::begin(const at::Tensor& latents, bool first, State& state) const {
    at::Tensor* memory = state.memory.data();
    const at::Tensor normalised = latents.permute({1, 2, 3, 0}).contiguous() / scale_ + mean_;
    at::Tensor x = causal(conv1_, at::linear(normalised, conv2_weight_, conv2_bias_), *memory++);
    x = middle_0_(x, memory);
    memory += 2;
    x = middle_1_(x);
    x = middle_2_(x, memory);
    memory += 2;
    return stages_[0](x, first, memory);
}

void FusedWanDecoder::finish(at::Tensor x, bool first, State& state,
                             const at::Tensor& frames) const {
    at::Tensor* memory = state.memory.data() + kBegin;
    for (size_t s = 1; s < stages_.size(); ++s) x = stages_[s](x, first, memory);
    const at::Tensor y = pixel_norm(x, head_0_, /*silu=*/true, x);
    frames.copy_(unpatchify(causal(head_2_, y, *memory), graph_.patch));
}

at::Tensor FusedWanDecoder::decode(const at::Tensor& latents, const at::Tensor& condition,
                                   State& state) const {
    const int64_t count = latents.size(1);
    const bool first = condition.size(0) == kFrames * count - 3;
    TORCH_CHECK(first || (condition.size(0) == kFrames * count && !state.memory.empty()),
                "decoder: ", condition.size(0), " frames for ", count, " latent frames");
    if (first && !state.memory.empty())
        for (at::Tensor& memory : state.memory) memory.zero_();
    state.memory.resize(kMemories);
    // In fp32, since shifting by 1 costs 16-bit types the darkest steps.
    at::Tensor frames = at::empty(condition.sizes(), condition.options().dtype(at::kFloat));
    int64_t made = 0;
    for (int64_t i = 0; i < count;) {
        const bool alone = first && i == 0;
        const int64_t n = alone ? 1 : std::min(kAtOnce, count - i);
        const at::Tensor x = begin(latents.narrow(1, i, n), alone, state);
        const int64_t of_latent = x.size(0) / n, shown = alone ? 1 : kFrames;
        for (int64_t j = 0; j < n; ++j) {
            finish(x.narrow(0, j * of_latent, of_latent), alone, state,
                   frames.narrow(0, made, shown));
            made += shown;
        }
        i += n;
    }
    return frames.add_(1).div_(2);
}

}  // namespace flashvsr
