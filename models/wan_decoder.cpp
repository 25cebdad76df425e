#include "models/wan_decoder.h"

#include <algorithm>

#include "models/norm.h"

namespace flashvsr {
namespace {

constexpr int64_t kLatentChannels = 16;
constexpr int64_t kFrames = 4;  // of a latent frame, but for the first
constexpr size_t kStages = 4;
// Widths in units of the last stage's: before the stages, and within each.
constexpr int64_t kWide = 4;
constexpr std::array<int64_t, kStages> kStageWidth = {4, 4, 2, 1};
constexpr std::array<bool, kStages> kDoublesFrames = {true, true, false, false};

constexpr std::array<double, kLatentChannels> kMean = {
    -0.7571, -0.7089, -0.9113, 0.1075,  -0.1745, 0.9653,  -0.1517, 1.5508,
    0.4134,  -0.0715, 0.5517,  -0.3632, -0.1922, -0.9497, 0.2503,  -0.2921};
constexpr std::array<double, kLatentChannels> kDeviation = {
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160};

// Rounded to the run dtype, as the reference does.
at::Tensor latent_statistics(const std::array<double, kLatentChannels>& values,
                             const Placement& placement) {
    return placement.place(at::tensor(at::ArrayRef<double>(values))).view({kLatentChannels, 1, 1});
}

std::string upsample(size_t index) { return "decoder.upsamples." + std::to_string(index) + "."; }

// Four modules a stage: three blocks and what follows them.
constexpr size_t kModules = 4;

// Channels that the first block of a stage takes: each resample halves them.
int64_t stage_input(size_t stage) { return stage == 0 ? kWide : kStageWidth[stage - 1] / 2; }

void add_residual_block(Manifest& m, const std::string& name, int64_t in, int64_t out) {
    const std::string residual = name + "residual.";
    m.push_back({residual + "0.gamma", {in, 1, 1, 1}});
    m.push_back({residual + "2.weight", {out, in, 3, 3, 3}});
    m.push_back({residual + "2.bias", {out}});
    m.push_back({residual + "3.gamma", {out, 1, 1, 1}});
    m.push_back({residual + "6.weight", {out, out, 3, 3, 3}});
    m.push_back({residual + "6.bias", {out}});
    if (in == out) return;
    m.push_back({name + "shortcut.weight", {out, in, 1, 1, 1}});
    m.push_back({name + "shortcut.bias", {out}});
}

// The last two frames of x that comes after `past`.
at::Tensor last_two(const at::Tensor& joined) {
    return joined.narrow(0, joined.size(0) - 2, 2).clone();
}

}  // namespace

Manifest WanDecoder::manifest(int64_t width) {
    const int64_t wide = kWide * width;
    Manifest m;
    auto conv = [&](const std::string& name, std::vector<int64_t> weight) {
        const int64_t out = weight[0];
        m.push_back({name + ".weight", std::move(weight)});
        m.push_back({name + ".bias", {out}});
    };
    conv("conv2", {kLatentChannels, kLatentChannels, 1, 1, 1});
    conv("decoder.conv1", {wide, kLatentChannels, 3, 3, 3});
    add_residual_block(m, "decoder.middle.0.", wide, wide);
    m.push_back({"decoder.middle.1.norm.gamma", {wide, 1, 1}});
    conv("decoder.middle.1.to_qkv", {3 * wide, wide, 1, 1});
    conv("decoder.middle.1.proj", {wide, wide, 1, 1});
    add_residual_block(m, "decoder.middle.2.", wide, wide);
    for (size_t s = 0; s < kStages; ++s) {
        const int64_t out = kStageWidth[s] * width;
        for (size_t i = 0; i < 3; ++i)
            add_residual_block(m, upsample(kModules * s + i), i == 0 ? stage_input(s) * width : out,
                               out);
        const std::string last = upsample(kModules * s + 3);
        if (kDoublesFrames[s]) conv(last + "time_conv", {2 * out, out, 3, 1, 1});
        if (s + 1 < kStages) conv(last + "resample.1", {out / 2, out, 3, 3});
    }
    m.push_back({"decoder.head.0.gamma", {width, 1, 1, 1}});
    conv("decoder.head.2", {3, width, 3, 3, 3});
    return m;
}

WanDecoder::WanDecoder(Weights& weights, const Placement& placement)
    : mean_(latent_statistics(kMean, placement)) {
    std::array<double, kLatentChannels> inverse;
    std::transform(kDeviation.begin(), kDeviation.end(), inverse.begin(),
                   [](double deviation) { return 1 / deviation; });
    scale_ = latent_statistics(inverse, placement);
    for (const std::string& name : weights.names())
        if (name.rfind("encoder.", 0) == 0 || name.rfind("conv1.", 0) == 0)
            weights.take(name, *weights.shape(name));
    check(weights, manifest(size_of(weights, "decoder.head.0.gamma", 0)));

    auto take = [&](const std::string& name) {
        return placement.place(weights.take(name, *weights.shape(name)));
    };
    auto conv = [&](const std::string& name) {
        return Conv{take(name + ".weight"), take(name + ".bias")};
    };
    auto gamma = [&](const std::string& name) { return take(name + ".gamma").view({-1, 1, 1}); };
    auto block = [&](const std::string& name) {
        const std::string residual = name + "residual.";
        ResidualBlock block = {gamma(residual + "0"),
                               gamma(residual + "3"),
                               conv(residual + "2"),
                               conv(residual + "6"),
                               {}};
        if (weights.has(name + "shortcut.weight")) {
            block.shortcut = conv(name + "shortcut");
            block.shortcut.weight = block.shortcut.weight.squeeze(2);
        }
        return block;
    };
    conv2_ = conv("conv2");
    conv2_.weight = conv2_.weight.squeeze(2);
    conv1_ = conv("decoder.conv1");
    middle_0_ = block("decoder.middle.0.");
    middle_1_ = {gamma("decoder.middle.1.norm"), conv("decoder.middle.1.to_qkv"),
                 conv("decoder.middle.1.proj")};
    middle_2_ = block("decoder.middle.2.");
    for (size_t s = 0; s < kStages; ++s) {
        for (size_t i = 0; i < 3; ++i) stages_[s].blocks[i] = block(upsample(kModules * s + i));
        const std::string last = upsample(kModules * s + 3);
        if (kDoublesFrames[s]) stages_[s].time_conv = conv(last + "time_conv");
        if (s + 1 < kStages) stages_[s].resample = conv(last + "resample.1");
    }
    head_0_ = gamma("decoder.head.0");
    head_2_ = conv("decoder.head.2");
}

at::Tensor WanDecoder::Conv::operator()(const at::Tensor& x) const {
    return at::conv2d(x, weight, bias, 1, weight.size(3) / 2);
}

// Before the stream lie zeros.
at::Tensor WanDecoder::Conv::causal(const at::Tensor& x, at::Tensor& memory) const {
    if (!memory.defined()) memory = at::zeros_like(x.narrow(0, 0, 1)).repeat({2, 1, 1, 1});
    const at::Tensor joined = at::cat({memory, x}, 0);
    memory = last_two(joined);
    const int64_t side = weight.size(4) / 2;
    return at::conv3d(joined.transpose(0, 1).unsqueeze(0), weight, bias, 1, {0, side, side})
        .squeeze(0)
        .transpose(0, 1);
}

at::Tensor WanDecoder::ResidualBlock::operator()(const at::Tensor& x, at::Tensor* memory) const {
    at::Tensor y = conv_2.causal(at::silu(channel_norm(x, norm_0)), memory[0]);
    y = conv_6.causal(at::silu(channel_norm(y, norm_3)), memory[1]);
    return y + (shortcut.weight.defined() ? shortcut(x) : x);
}

// One head over the positions of each frame.
at::Tensor WanDecoder::Attention::operator()(const at::Tensor& x) const {
    const at::Tensor qkv = to_qkv(channel_norm(x, norm)).flatten(2).transpose(1, 2).unsqueeze(1);
    const std::vector<at::Tensor> parts = qkv.chunk(3, 3);  // each [frames, 1, h * w, C]
    const at::Tensor attended = at::scaled_dot_product_attention(
        parts[0].contiguous(), parts[1].contiguous(), parts[2].contiguous());
    return x + proj(attended.squeeze(1).transpose(1, 2).reshape(x.sizes()));
}

at::Tensor WanDecoder::Stage::operator()(at::Tensor x, bool first, at::Tensor*& memory) const {
    for (const ResidualBlock& block : blocks) {
        x = block(x, memory);
        memory += 2;
    }
    if (time_conv.weight.defined()) {
        if (first) {
            // Not doubled, and not remembered either.
            *memory = at::zeros_like(x.narrow(0, 0, 1)).repeat({2, 1, 1, 1});
        } else {
            // The first half of the channels is the earlier frame.
            const at::Tensor grown = time_conv.causal(x, *memory);
            x = grown.reshape({2 * x.size(0), x.size(1), x.size(2), x.size(3)});
        }
        ++memory;
    }
    if (!resample.weight.defined()) return x;
    return resample(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
}

at::Tensor WanDecoder::decode(const at::Tensor& latents, const at::Tensor& condition,
                              State& state) const {
    const int64_t count = latents.size(1);
    const bool first = condition.size(0) == kFrames * count - 3;
    TORCH_CHECK(first || condition.size(0) == kFrames * count, "decoder: ", condition.size(0),
                " frames for ", count, " latent frames");
    constexpr size_t kSlots = 1 + 2 + 2 + 4 * 6 + 2 + 1;
    if (first) state.memory.assign(kSlots, {});
    std::vector<at::Tensor> frames;
    for (int64_t i = 0; i < count; ++i)
        frames.push_back(decode_frame(latents.select(1, i).unsqueeze(0), first && i == 0, state));
    // In fp32, since shifting by 1 costs 16-bit types the darkest steps.
    return (at::cat(frames, 0).to(at::kFloat) + 1) / 2;
}

// latent: [1, 16, h, w]; returns [1 or 4, 3, 8 h, 8 w] in [-1, 1].
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
    return head_2_.causal(at::silu(channel_norm(x, head_0_)), *memory);
}

std::vector<const WanDecoder::Conv*> WanDecoder::convs() const {
    std::vector<const Conv*> all = {&conv2_, &conv1_, &head_2_, &middle_1_.to_qkv, &middle_1_.proj};
    auto add = [&](const ResidualBlock& block) {
        all.insert(all.end(), {&block.conv_2, &block.conv_6});
        if (block.shortcut.weight.defined()) all.push_back(&block.shortcut);
    };
    add(middle_0_);
    add(middle_2_);
    for (const Stage& stage : stages_) {
        for (const ResidualBlock& block : stage.blocks) add(block);
        for (const Conv* conv : {&stage.time_conv, &stage.resample})
            if (conv->weight.defined()) all.push_back(conv);
    }
    return all;
}

int64_t WanDecoder::parameters() const {
    int64_t count = 0;
    for (const Conv* conv : convs()) count += conv->weight.numel() + conv->bias.numel();
    return count;
}

}  // namespace flashvsr
