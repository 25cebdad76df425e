// SPDX-License-Identifier: Apache-2.0
#include "models/decoders/wan_layers.h"

#include "models/decoder.h"
#include "models/norm.h"

namespace flashvsr::wan {
namespace {

Graph wan21() {
    return {16,
            /*patch=*/1,
            /*halves=*/true,
            /*shortcuts=*/false,
            {-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715,
             0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921},
            {2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652,
             1.5579, 1.6382, 1.1253, 2.8251, 1.9160}};
}

Graph wan22() {
    return {
        48,
        /*patch=*/2,
        /*halves=*/false,
        /*shortcuts=*/true,
        {-0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174,  0.1838,  0.1557,  -0.1382, 0.0542,
         0.2813,  0.0891,  0.1570,  -0.0098, 0.0375,  -0.1825, -0.2246, -0.1207, -0.0698, 0.5109,
         0.2665,  -0.2108, -0.2158, 0.2502,  -0.2055, -0.0322, 0.1109,  0.1567,  -0.0729, 0.0899,
         -0.2799, -0.1230, -0.0313, -0.1649, 0.0117,  0.0723,  -0.2839, -0.2083, -0.0520, 0.3748,
         0.0152,  0.1957,  0.1433,  -0.2944, 0.3573,  -0.0548, -0.1681, -0.0667},
        {0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013, 0.8158, 1.0344,
         0.5894, 1.0901, 0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804,
         0.5833, 1.4146, 0.8986, 0.5659, 0.7069, 0.5338, 0.4889, 0.4917, 0.4069, 0.4999,
         0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944, 0.5726, 1.2042, 0.5458, 1.6887,
         0.3971, 1.0600, 0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744}};
}

}  // namespace

const Graph& graph_of(WanVersion version) {
    static const Graph first = wan21();
    static const Graph second = wan22();
    return version == WanVersion::k2_1 ? first : second;
}

std::vector<double> Graph::scale() const {
    std::vector<double> inverse;
    for (const double value : deviation) inverse.push_back(1 / value);
    return inverse;
}

std::string Graph::module(const char* half, size_t stage, size_t modules, size_t index) const {
    const std::string list = half;  // "decoder.upsamples."
    if (!shortcuts) return list + std::to_string(stage * modules + index) + ".";
    return list + std::to_string(stage) + list.substr(list.find('.')) + std::to_string(index) + ".";
}

at::Tensor zero_past(const at::Tensor& x) {
    return at::zeros_like(x.narrow(0, 0, 1)).repeat({2, 1, 1, 1});
}

at::Tensor Conv::operator()(const at::Tensor& x) const {
    return at::conv2d(x, weight, bias, 1, weight.size(3) / 2);
}

at::Tensor Conv::causal(const at::Tensor& x, at::Tensor& memory) const {
    const at::Tensor joined = at::cat({memory.defined() ? memory : zero_past(x), x}, 0);
    remember(memory, joined.narrow(0, joined.size(0) - 2, 2));
    const int64_t side = weight.size(4) / 2;
    return at::conv3d(joined.transpose(0, 1).unsqueeze(0), weight, bias, 1, {0, side, side})
        .squeeze(0)
        .transpose(0, 1);
}

at::Tensor ResidualBlock::operator()(const at::Tensor& x, at::Tensor* memory) const {
    at::Tensor y = conv_2.causal(at::silu(channel_norm(x, norm_0)), memory[0]);
    y = conv_6.causal(at::silu(channel_norm(y, norm_3)), memory[1]);
    return y + (shortcut.weight.defined() ? shortcut(x) : x);
}

int64_t ResidualBlock::parameters() const {
    return norm_0.numel() + norm_3.numel() + conv_2.parameters() + conv_6.parameters() +
           shortcut.parameters();
}

at::Tensor Attention::operator()(const at::Tensor& x) const {
    const at::Tensor qkv = to_qkv(channel_norm(x, norm)).flatten(2).transpose(1, 2).unsqueeze(1);
    const std::vector<at::Tensor> parts = qkv.chunk(3, 3);  // each [frames, 1, h * w, C]
    const at::Tensor attended = at::scaled_dot_product_attention(
        parts[0].contiguous(), parts[1].contiguous(), parts[2].contiguous());
    return x + proj(attended.squeeze(1).transpose(1, 2).reshape(x.sizes()));
}

void add_conv(Manifest& m, const std::string& name, std::vector<int64_t> weight) {
    const int64_t out = weight[0];
    m.push_back({name + ".weight", std::move(weight)});
    m.push_back({name + ".bias", {out}});
}

void add_residual_block(Manifest& m, const std::string& name, int64_t in, int64_t out) {
    const std::string residual = name + "residual.";
    m.push_back({residual + "0.gamma", {in, 1, 1, 1}});
    add_conv(m, residual + "2", {out, in, 3, 3, 3});
    m.push_back({residual + "3.gamma", {out, 1, 1, 1}});
    add_conv(m, residual + "6", {out, out, 3, 3, 3});
    if (in != out) add_conv(m, name + "shortcut", {out, in, 1, 1, 1});
}

void add_middle(Manifest& m, const std::string& half, int64_t width) {
    add_residual_block(m, half + "middle.0.", width, width);
    m.push_back({half + "middle.1.norm.gamma", {width, 1, 1}});
    add_conv(m, half + "middle.1.to_qkv", {3 * width, width, 1, 1});
    add_conv(m, half + "middle.1.proj", {width, width, 1, 1});
    add_residual_block(m, half + "middle.2.", width, width);
}

at::Tensor Reader::take(const std::string& name) const {
    return weights_.take(name, *weights_.shape(name), placement_.options());
}

Conv Reader::conv(const std::string& name) const {
    if (!weights_.has(name + ".weight")) return {};
    return {take(name + ".weight"), take(name + ".bias")};
}

Conv Reader::conv_1x1x1(const std::string& name) const {
    Conv conv = this->conv(name);
    if (conv.weight.defined()) conv.weight = conv.weight.squeeze(2);
    return conv;
}

at::Tensor Reader::gamma(const std::string& name) const {
    return take(name + ".gamma").view({-1, 1, 1});
}

ResidualBlock Reader::block(const std::string& name) const {
    const std::string residual = name + "residual.";
    return {gamma(residual + "0"), gamma(residual + "3"), conv(residual + "2"),
            conv(residual + "6"), conv_1x1x1(name + "shortcut")};
}

Attention Reader::attention(const std::string& name) const {
    return {gamma(name + "norm"), conv(name + "to_qkv"), conv(name + "proj")};
}

at::Tensor Reader::channels(const std::vector<double>& values) const {
    return placement_.place(at::tensor(values)).view({-1, 1, 1});
}

}  // namespace flashvsr::wan
