// SPDX-License-Identifier: Apache-2.0
#include "models/plain/lq_projector.h"

#include <algorithm>

#include "models/norm.h"

namespace flashvsr {
namespace {

constexpr int64_t kPatch = 16;    // pixels per token side
constexpr int64_t kTimeTaps = 4;  // kernel size over time
constexpr int64_t kPastFrames = 2;
constexpr int64_t kCellChannels = 3 * kPatch * kPatch;

// [n, 3, H, W] -> [n, 768, h, w]; channel = c * 256 + dy * 16 + dx.
at::Tensor space_to_channel(const at::Tensor& frames) {
    return at::pixel_unshuffle(frames, kPatch);
}

}  // namespace

int64_t LqProjector::state_elements(const Config& config, ModelVersion version,
                                    const WindowGrid& grid) {
    if (version == ModelVersion::k1) return 0;
    return 2 * grid.token_rows() * grid.token_columns() * (kCellChannels + config.hidden1);
}

// The fused projector takes eight frames at a time. LibTorch's operations take them all, and stack
// and pad them in copies.
int64_t LqProjector::working_elements(const Config& config, const WindowGrid& grid, bool fused) {
    const int64_t area = grid.token_rows() * grid.token_columns();
    const int64_t padded = (grid.token_rows() + 2) * (grid.token_columns() + 2);
    const int64_t parts = fused ? 1 : kFirstSlices;
    const int64_t copies = fused ? 1 : 2;
    const int64_t stack1 = copies * parts * 4 * padded * 4 * kCellChannels;
    const int64_t conv1 = parts * 4 * area * config.hidden1;
    const int64_t stack2 = copies * parts * 2 * padded * 4 * config.hidden1;
    const int64_t conv2 = parts * 2 * area * config.hidden2;
    const int64_t features = kFirstSlices * grid.tokens() * config.hidden2;
    return features + std::max({stack1 + conv1, conv1 + stack2, stack2 + conv2});
}

int64_t LqProjector::token_elements(const Config& config, const WindowGrid& grid) {
    return config.layers * kFirstSlices * grid.tokens() * config.dim;
}

Manifest LqProjector::manifest(const Config& c) {
    constexpr int64_t kIn = 3 * kPatch * kPatch;
    Manifest m = {{"conv1.weight", {c.hidden1, kIn, kTimeTaps, 3, 3}},
                  {"conv1.bias", {c.hidden1}},
                  {"norm1.gamma", {c.hidden1, 1, 1, 1}},
                  {"conv2.weight", {c.hidden2, c.hidden1, kTimeTaps, 3, 3}},
                  {"conv2.bias", {c.hidden2}},
                  {"norm2.gamma", {c.hidden2, 1, 1, 1}}};
    for (int64_t i = 0; i < c.layers; ++i) {
        const std::string layer = "linear_layers." + std::to_string(i);
        m.push_back({layer + ".weight", {c.dim, c.hidden2}});
        m.push_back({layer + ".bias", {c.dim}});
    }
    return m;
}

LqProjector::Config LqProjector::config_of(const Weights& weights, int64_t dim) {
    return {dim, size_of(weights, "conv1.weight", 0), size_of(weights, "conv2.weight", 0),
            std::max<int64_t>(count_of(weights, "linear_layers."), 1)};
}

LqProjector::LqProjector(Weights& weights, int64_t dim, ModelVersion version,
                         const Placement& placement)
    : version_(version) {
    const Config config = config_of(weights, dim);
    check(weights, manifest(config));
    conv1_ = take_conv(weights, 1, 3 * kPatch * kPatch, placement);
    conv2_ = take_conv(weights, 2, config.hidden1, placement);
    for (int64_t i = 0; i < config.layers; ++i)
        linear_layers_.push_back(Linear::take(weights, "linear_layers." + std::to_string(i), dim,
                                              config.hidden2, placement));
}

LqProjector::Conv LqProjector::take_conv(Weights& weights, int index, int64_t in,
                                         const Placement& placement) {
    const std::string conv = "conv" + std::to_string(index);
    const std::string norm = "norm" + std::to_string(index);
    const at::Tensor weight = weights.take(conv + ".weight", {-1, in, kTimeTaps, 3, 3});
    const int64_t out = weight.size(0);
    const at::Tensor stacked = weight.permute({0, 2, 1, 3, 4}).reshape({out, -1, 3, 3});
    return {placement.place(stacked), weights.take(conv + ".bias", {out}, placement.options()),
            weights.take(norm + ".gamma", {out, 1, 1, 1}, placement.options()).view({out, 1, 1})};
}

at::Tensor LqProjector::apply(const Conv& conv, const at::Tensor& x, const at::Tensor& taps) {
    const at::Tensor stacked =
        x.index_select(0, taps).view({-1, kTimeTaps * x.size(1), x.size(2), x.size(3)});
    const at::Tensor padded = at::replication_pad2d(stacked, {1, 1, 1, 1});
    return at::silu(channel_norm(at::conv2d(padded, conv.weight, conv.bias), conv.gamma));
}

at::Tensor LqProjector::taps(int64_t inputs, int64_t group, const at::Device& device) const {
    std::vector<int64_t> index;
    if (version_ == ModelVersion::k1_1) {
        for (int64_t t = 0; t + kTimeTaps <= inputs; t += 2)
            for (int64_t tap = 0; tap < kTimeTaps; ++tap) index.push_back(t + tap);
    } else {
        // The cache is overwritten before it is read: each group is preceded by its own last two
        // frames, x[g-2] x[g-1] x[0] .. x[g-1].
        for (int64_t start = 0; start < inputs; start += group)
            for (int64_t t = -kPastFrames; t + kTimeTaps <= group; t += 2)
                for (int64_t tap = 0; tap < kTimeTaps; ++tap)
                    index.push_back(start + (t + tap + group) % group);
    }
    return at::tensor(index, at::kLong).to(device);
}

at::Tensor LqProjector::with_past(const at::Tensor& x, at::Tensor& past) const {
    if (version_ == ModelVersion::k1) return x;
    const at::Tensor all = at::cat({past, x}, 0);
    past = all.slice(0, all.size(0) - kPastFrames).clone();
    return all;
}

void LqProjector::begin(const at::Tensor& frame, State& state) const {
    if (version_ == ModelVersion::k1) return;
    // The first frame stands for everything before it, so both outputs of conv1 are equal.
    const at::Tensor x = space_to_channel(frame.unsqueeze(0));
    state.conv1_past = x.repeat({kPastFrames, 1, 1, 1});
    state.conv2_past = apply(conv1_, x, at::zeros({kTimeTaps}, x.options().dtype(at::kLong)))
                           .repeat({kPastFrames, 1, 1, 1});
}

std::vector<at::Tensor> LqProjector::project(const at::Tensor& frames, const WindowGrid& grid,
                                             State& state) const {
    const at::Tensor x = with_past(space_to_channel(frames), state.conv1_past);
    const at::Tensor y =
        with_past(apply(conv1_, x, taps(x.size(0), 4, x.device())), state.conv2_past);
    const at::Tensor z = apply(conv2_, y, taps(y.size(0), 2, y.device()));
    const at::Tensor features = to_window_order(z.permute({0, 2, 3, 1}).contiguous(), grid);
    std::vector<at::Tensor> tokens;
    for (const Linear& layer : linear_layers_) tokens.push_back(layer(features));
    return tokens;
}

int64_t LqProjector::parameters() const {
    int64_t count = 0;
    for (const Conv* conv : {&conv1_, &conv2_})
        count += conv->weight.numel() + conv->bias.numel() + conv->gamma.numel();
    for (const Linear& layer : linear_layers_) count += layer.weight.numel() + layer.bias.numel();
    return count;
}

}  // namespace flashvsr
