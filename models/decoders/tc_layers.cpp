// SPDX-License-Identifier: Apache-2.0
#include "models/decoders/tc_layers.h"

#include <algorithm>

namespace flashvsr::tc {

// The fused stages take two latent frames as far as a quarter, two frames to half, and one to the
// end, twice; LibTorch's operations have four frames there, resized, grown and activated.
DecoderElements stage_elements(const std::array<int64_t, 4>& channels, bool fused) {
    std::array<double, 4> c = {};
    std::copy(channels.begin(), channels.end(), c.begin());
    return {kBlocks * (c[0] / 64 + c[1] / 16 + c[2] / 4),
            fused ? 2 * c[1] / 16 + std::max(6 * c[2] / 4, 2 * c[2] / 4 + 2 * c[3])
                  : 4 * (c[2] + 2 * c[3])};
}

at::Tensor activate(at::Tensor x, double leak) {
    return leak > 0.0 ? at::leaky_relu_(x, leak) : x.relu_();
}

at::Tensor channels(const std::vector<double>& values, const Placement& placement) {
    if (values.empty()) return {};
    return placement.place(at::tensor(values)).view({-1, 1, 1});
}

at::Tensor soft_clamp(const at::Tensor& x) { return 3 * at::tanh(x / 3); }

at::Tensor Conv::operator()(const at::Tensor& x, int64_t stride) const {
    return at::conv2d(x, weight, bias, stride, weight.size(2) / 2);
}

int64_t Conv::parameters() const { return weight.numel() + (bias.defined() ? bias.numel() : 0); }

at::Tensor MemBlock::operator()(const at::Tensor& x, double leak, at::Tensor& memory) const {
    const at::Tensor before = memory.defined() ? memory : at::zeros_like(x.narrow(0, 0, 1));
    const at::Tensor past = at::cat({before, x}, 0).narrow(0, 0, x.size(0));
    remember(memory, x.narrow(0, x.size(0) - 1, 1));
    const at::Tensor a = activate(conv_0(at::cat({x, past}, 1)), leak);
    const at::Tensor b = activate(conv_2(a), leak);
    return activate(conv_4(b).add_(x), leak);
}

int64_t MemBlock::parameters() const {
    return conv_0.parameters() + conv_2.parameters() + conv_4.parameters();
}

at::Tensor Stage::operator()(at::Tensor x, double leak, at::Tensor* memory) const {
    for (const MemBlock& block : blocks) x = block(x, leak, *memory++);
    // A 1x1 convolution and a nearest resize commute; before the resize it is four times cheaper.
    // The first C of the grown channels are the earlier frame.
    const at::Tensor grown = grow(x).permute({0, 2, 3, 1});
    x = grown.reshape({x.size(0), x.size(2), x.size(3), frames, x.size(1)})
            .permute({0, 3, 4, 1, 2})
            .reshape({-1, x.size(1), x.size(2), x.size(3)})
            .contiguous(at::MemoryFormat::ChannelsLast);
    if (upsample > 1) x = at::upsample_nearest2d(x, {x.size(2) * upsample, x.size(3) * upsample});
    return conv(x);
}

int64_t Stage::parameters() const {
    int64_t count = grow.parameters() + conv.parameters();
    for (const MemBlock& block : blocks) count += block.parameters();
    return count;
}

void add_conv(Manifest& m, const std::string& name, int64_t out, int64_t in, int64_t k, bool bias) {
    m.push_back({name + ".weight", {out, in, k, k}});
    if (bias) m.push_back({name + ".bias", {out}});
}

void add_block(Manifest& m, const std::string& name, int64_t channels) {
    add_conv(m, name + ".conv.0", channels, 2 * channels, 3, true);
    add_conv(m, name + ".conv.2", channels, channels, 3, true);
    add_conv(m, name + ".conv.4", channels, channels, 3, true);
}

void add_stage(Manifest& m, int64_t first, int64_t in, int64_t out, int64_t frames) {
    for (int64_t i = 0; i < kBlocks; ++i) add_block(m, layer(first + i), in);
    add_conv(m, layer(first + 4) + ".conv", frames * in, in, 1, false);
    add_conv(m, layer(first + 5), out, in, 3, false);
}

Conv read_conv(Weights& weights, const std::string& name, const Placement& placement) {
    const at::Tensor weight = weights.take(name + ".weight", {-1, -1, -1, -1}, placement.options())
                                  .contiguous(at::MemoryFormat::ChannelsLast);
    if (!weights.has(name + ".bias")) return {weight, {}};
    return {weight, weights.take(name + ".bias", {-1}, placement.options())};
}

MemBlock read_block(Weights& weights, const std::string& name, const Placement& placement) {
    auto conv = [&](const char* index) {
        return read_conv(weights, name + ".conv." + index, placement);
    };
    return {conv("0"), conv("2"), conv("4")};
}

Stage read_stage(Weights& weights, int64_t first, int64_t frames, int64_t upsample,
                 const Placement& placement) {
    Stage stage;
    for (int64_t i = 0; i < kBlocks; ++i)
        stage.blocks[i] = read_block(weights, layer(first + i), placement);
    stage.grow = read_conv(weights, layer(first + 4) + ".conv", placement);
    stage.frames = frames;
    stage.upsample = upsample;
    stage.conv = read_conv(weights, layer(first + 5), placement);
    return stage;
}

}  // namespace flashvsr::tc
