#include "models/fused/tc_decoder.h"

#include <algorithm>

#include "kernels/decoder_input.h"
#include "models/kernel_args.h"
#include "models/tc_layers.h"

namespace flashvsr {
namespace {

using tc::kFrames;
using tc::kStageIndex;
using tc::kTrim;
using tc::layer;

constexpr int64_t kAtOnce = 2;  // latent frames

// [n, h, w, c] -> [n * frames, 2 h, 2 w, out], the frames of each in order.
at::Tensor resize(const FusedUpConv& up, const at::Tensor& x) {
    const int64_t parts = up.frames();
    const at::Tensor y =
        at::empty({x.size(0), parts, 2 * x.size(1), 2 * x.size(2), up.out()}, x.options());
    for (int64_t part = 0; part < parts; ++part) up.write(x, part, y.select(1, part));
    return y.flatten(0, 1);
}

}  // namespace

bool FusedTcDecoder::supports(const TcDecoder::Config& config) {
    const TcDecoder::Graph released;
    const TcDecoder::Graph& graph = config.graph;
    const bool same = graph.patch == released.patch && graph.upsample == released.upsample &&
                      graph.shuffle == released.shuffle && graph.leak == released.leak &&
                      graph.skip == released.skip;
    return same && config.latent_channels % 8 == 0;
}

FusedTcDecoder::FusedTcDecoder(Weights& weights, int64_t latent_channels,
                               const Placement& placement) {
    const TcDecoder::Config config = TcDecoder::config_of(weights, latent_channels, {});
    const Manifest manifest = TcDecoder::manifest(config);
    check(weights, manifest);
    parameters_ = parameter_count(manifest);
    auto take = [&](const std::string& name) {
        return weights.take(name + ".weight", {-1, -1, -1, -1});
    };
    auto conv = [&](const std::string& name, bool bias) {
        return FusedConv(take(name), bias ? weights.take(name + ".bias", {-1}) : at::Tensor(),
                         /*pad=*/1, placement);
    };
    in_ = conv(layer(1), true);
    deepen_in_ = conv(layer(3), false);
    for (size_t s = 0; s < stages_.size(); ++s) {
        channels_[s] = config.channels[s];
        for (int64_t i = 0; i < tc::kBlocks; ++i) {
            const std::string block = layer(kStageIndex[s] + i) + ".conv.";
            stages_[s].blocks[i] = {conv(block + "0", true), conv(block + "2", true),
                                    conv(block + "4", true)};
        }
        stages_[s].up = FusedUpConv(take(layer(kStageIndex[s] + 4) + ".conv"),
                                    take(layer(kStageIndex[s] + 5)), placement);
    }
    deepen_out_ = conv(layer(24), false);
    out_ = FusedConvOut(take(layer(26)), weights.take(layer(26) + ".bias", {-1}), placement);
}

at::Tensor FusedTcDecoder::MemBlock::operator()(const at::Tensor& x, at::Tensor& memory) const {
    const at::Tensor a = conv_0.relu_with_past(x, memory);
    memory.copy_(x.narrow(0, x.size(0) - 1, 1));
    return conv_4.relu_add(conv_2.relu(a), x);
}

at::Tensor FusedTcDecoder::Stage::operator()(at::Tensor x, at::Tensor* memory) const {
    for (const MemBlock& block : blocks) x = block(x, *memory++);
    return x;
}

void FusedTcDecoder::start(const at::Tensor& latents, State& state) const {
    if (!state.memory.empty()) {
        for (at::Tensor& memory : state.memory) memory.zero_();
        return;
    }
    int64_t h = latents.size(2), w = latents.size(3);
    for (const int64_t channels : channels_) {
        for (int64_t i = 0; i < tc::kBlocks; ++i)
            state.memory.push_back(at::zeros({1, h, w, channels}, latents.options()));
        h *= 2;
        w *= 2;
    }
}

// latents: [16, n, h, w]; condition: [4 n - lead, 3, 8 h, 8 w]; returns [n, h, w, 768 + 16].
at::Tensor FusedTcDecoder::input(const at::Tensor& latents, const at::Tensor& condition,
                                 int64_t lead) const {
    kernels::DecoderInput params;
    params.latent_frames = latents.size(1);
    params.latent_channels = static_cast<int>(latents.size(0));
    params.height = static_cast<int>(latents.size(2));
    params.width = static_cast<int>(latents.size(3));
    const at::Tensor x = at::empty({latents.size(1), latents.size(2), latents.size(3),
                                    kernels::kDecoderCellChannels + latents.size(0)},
                                   latents.options());
    params.frames = condition.const_data_ptr();
    params.latents = latents.const_data_ptr();
    params.latent_stride = latents.stride(0);
    params.out = x.mutable_data_ptr();
    params.lead = static_cast<int>(lead);
    params.type = element_type(x);
    FLASHVSR_LAUNCH(decoder_input, x, params);
    return x;
}

void FusedTcDecoder::finish(const at::Tensor& x, int64_t part, const at::Tensor& frame) const {
    const FusedUpConv& up = stages_.back().up;
    const at::Tensor y = at::empty({1, 2 * x.size(1), 2 * x.size(2), up.out()}, x.options());
    up.write_relu(x, part, y);
    out_.write(deepen_out_.relu(y), frame);
}

at::Tensor FusedTcDecoder::decode(const at::Tensor& given_latents,
                                  const at::Tensor& given_condition, State& state) const {
    const at::Tensor latents = given_latents.contiguous();  // kernels take pointers
    const at::Tensor condition = given_condition.contiguous();
    const int64_t count = latents.size(1);
    const int64_t lead = count * kFrames - condition.size(0);
    TORCH_CHECK(lead == kTrim || (lead == 0 && !state.memory.empty()),
                "decoder: ", condition.size(0), " condition frames for ", count, " latent frames");
    if (lead > 0) start(latents, state);
    const at::Tensor frames = at::empty(condition.sizes(), condition.options());
    for (int64_t first = 0; first < count; first += kAtOnce) {
        const int64_t n = std::min(kAtOnce, count - first);
        const int64_t shown = std::max<int64_t>(first * kFrames - lead, 0);
        at::Tensor x =
            input(latents.narrow(1, first, n), condition.slice(0, shown), first == 0 ? lead : 0);
        x = stages_[0](deepen_in_.relu(in_.relu(x)), &state.memory[0]);
        x = resize(stages_[0].up, x);
        x = stages_[1](x, &state.memory[3]);
        // One latent frame at a time from here, and one frame at full resolution: memory.
        for (int64_t i = 0; i < n; ++i) {
            const at::Tensor y =
                stages_[2](resize(stages_[1].up, x.narrow(0, i, 1)), &state.memory[6]);
            for (int64_t t = 0; t < kFrames; ++t) {
                const int64_t frame = (first + i) * kFrames + t - lead;
                if (frame >= 0) finish(y.narrow(0, t / 2, 1), t % 2, frames[frame]);
            }
        }
    }
    return frames;
}

}  // namespace flashvsr
