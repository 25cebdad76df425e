#include "models/tc_decoder.h"

#include "models/tc_layers.h"

namespace flashvsr {
namespace {

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

// In place: its callers own what they pass.
at::Tensor activate(at::Tensor x, double leak) {
    return leak > 0.0 ? at::leaky_relu_(x, leak) : x.relu_();
}

}  // namespace

Manifest TcDecoder::manifest(const Config& c) {
    Manifest m;
    auto conv = [&](const std::string& name, int64_t out, int64_t in, int64_t k, bool bias) {
        m.push_back({name + ".weight", {out, in, k, k}});
        if (bias) m.push_back({name + ".bias", {out}});
    };
    conv(layer(1), c.channels[0], condition_channel_count(c.graph.patch) + c.latent_channels, 3,
         true);
    conv(layer(3), c.channels[0], c.channels[0], 3, false);
    for (size_t s = 0; s < kStageIndex.size(); ++s) {
        const int64_t in = c.channels[s];
        for (int64_t i = 0; i < 3; ++i) {
            const std::string block = layer(kStageIndex[s] + i) + ".conv.";
            conv(block + "0", in, 2 * in, 3, true);
            conv(block + "2", in, in, 3, true);
            conv(block + "4", in, in, 3, true);
        }
        conv(layer(kStageIndex[s] + 4) + ".conv", kStageFrames[s] * in, in, 1, false);
        conv(layer(kStageIndex[s] + 5), c.channels[s + 1], in, 3, false);
    }
    conv(layer(24), c.channels[3], c.channels[3], 3, false);
    conv(layer(26), 3 * c.graph.shuffle * c.graph.shuffle, c.channels[3], 3, true);
    return m;
}

TcDecoder::Config TcDecoder::config_of(const Weights& weights, int64_t latent_channels,
                                       const Graph& graph) {
    return {latent_channels,
            {size_of(weights, "decoder.1.weight", 0), size_of(weights, "decoder.10.weight", 0),
             size_of(weights, "decoder.16.weight", 0), size_of(weights, "decoder.22.weight", 0)},
            graph};
}

TcDecoder::TcDecoder(Weights& weights, int64_t latent_channels, const Graph& graph,
                     const Placement& placement)
    : graph_(graph) {
    check(weights, manifest(config_of(weights, latent_channels, graph)));
    auto conv = [&](const std::string& name, bool bias) {
        const at::Tensor weight = placement.place(weights.take(name + ".weight", {-1, -1, -1, -1}))
                                      .contiguous(at::MemoryFormat::ChannelsLast);
        return Conv{weight,
                    bias ? placement.place(weights.take(name + ".bias", {-1})) : at::Tensor()};
    };
    in_ = conv(layer(1), true);
    deepen_in_ = conv(layer(3), false);
    for (size_t s = 0; s < stages_.size(); ++s) {
        for (int64_t i = 0; i < 3; ++i) {
            const std::string block = layer(kStageIndex[s] + i) + ".conv.";
            stages_[s].blocks[i] = {conv(block + "0", true), conv(block + "2", true),
                                    conv(block + "4", true)};
        }
        stages_[s].grow = conv(layer(kStageIndex[s] + 4) + ".conv", false);
        stages_[s].frames = kStageFrames[s];
        stages_[s].upsample = graph.upsample[s];
        stages_[s].conv = conv(layer(kStageIndex[s] + 5), false);
    }
    deepen_out_ = conv(layer(24), false);
    out_ = conv(layer(26), true);
}

at::Tensor TcDecoder::Conv::operator()(const at::Tensor& x) const {
    const int64_t padding = weight.size(2) / 2;
    return at::conv2d(x, weight, bias, 1, padding);
}

at::Tensor TcDecoder::MemBlock::operator()(const at::Tensor& x, double leak,
                                           at::Tensor& memory) const {
    const at::Tensor before = memory.defined() ? memory : at::zeros_like(x.narrow(0, 0, 1));
    const at::Tensor past = at::cat({before, x}, 0).narrow(0, 0, x.size(0));
    memory = x.narrow(0, x.size(0) - 1, 1).clone();
    const at::Tensor a = activate(conv_0(at::cat({x, past}, 1)), leak);
    const at::Tensor b = activate(conv_2(a), leak);
    return activate(conv_4(b).add_(x), leak);
}

at::Tensor TcDecoder::Stage::operator()(at::Tensor x, double leak, at::Tensor* memory) const {
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
    x = 3 * at::tanh(x / 3);
    x = activate(in_(x), graph_.leak);
    x = activate(deepen_in_(x), graph_.leak);
    for (size_t s = 0; s < stages_.size(); ++s)
        x = stages_[s](x, graph_.leak, &state.memory[3 * s]);
    x = activate(deepen_out_(activate(x, graph_.leak)), graph_.leak);
    x = at::pixel_shuffle(out_(x), graph_.shuffle);
    if (graph_.skip) x = x + (condition + 1) / 2;
    return x.contiguous();
}

std::vector<const TcDecoder::Conv*> TcDecoder::convs() const {
    std::vector<const Conv*> all = {&in_, &deepen_in_, &deepen_out_, &out_};
    for (const Stage& stage : stages_) {
        for (const MemBlock& block : stage.blocks)
            all.insert(all.end(), {&block.conv_0, &block.conv_2, &block.conv_4});
        all.insert(all.end(), {&stage.grow, &stage.conv});
    }
    return all;
}

int64_t TcDecoder::parameters() const {
    int64_t count = 0;
    for (const Conv* conv : convs())
        count += conv->weight.numel() + (conv->bias.defined() ? conv->bias.numel() : 0);
    return count;
}

}  // namespace flashvsr
