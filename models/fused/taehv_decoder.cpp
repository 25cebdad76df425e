// SPDX-License-Identifier: Apache-2.0
#include "models/fused/taehv_decoder.h"

#include "models/decoders/tc_layers.h"
#include "models/kernel_args.h"
#include "models/manifest.h"

namespace flashvsr {
namespace {

using tc::kFrames;
using tc::kTrim;
using tc::layer;

at::Tensor constants(const std::vector<double>& values, const Placement& placement) {
    return values.empty() ? at::Tensor() : at::tensor(values).to(placement.fp32());
}

}  // namespace

FusedTaehvDecoder::FusedTaehvDecoder(Weights& weights, const TaehvDecoder::Graph& graph,
                                     const Placement& placement)
    : leak_(static_cast<float>(graph.leak)), symmetric_(graph.symmetric) {
    pass_over(weights, {"encoder."});
    const TaehvDecoder::Config config = TaehvDecoder::config_of(weights);
    const Manifest manifest = TaehvDecoder::manifest(config);
    check(weights, manifest);
    parameters_ = parameter_count(manifest);
    patch_ = config.patch;
    deviation_ = constants(graph.deviation, placement);
    mean_ = constants(graph.mean, placement);
    in_ = take_fused_conv(weights, layer(1), {}, placement);
    for (size_t s = 0; s < stages_.size(); ++s) {
        channels_[s] = config.channels[s];
        stages_[s] =
            FusedTcStage::take(weights, TaehvDecoder::kStageIndex[s], graph.leak, placement);
    }
    const at::Tensor weight = weights.take(layer(22) + ".weight", {-1, -1, -1, -1});
    const at::Tensor bias = weights.take(layer(22) + ".bias", {-1});
    if (patch_ == 1)
        out_ = FusedConvOut(weight, bias, placement);
    else
        patch_out_ = FusedConv(pad_channels_to_8(weight), pad_channels_to_8(bias), {}, placement);
}

at::Tensor FusedTaehvDecoder::input(const at::Tensor& latents) const {
    at::Tensor x = latents.permute({1, 2, 3, 0}).to(at::kFloat);
    if (deviation_.defined()) x = x * deviation_;
    if (mean_.defined()) x = x + mean_;
    return tc::soft_clamp(x).to(latents.scalar_type()).contiguous();
}

void FusedTaehvDecoder::finish(const at::Tensor& x, int64_t part, const at::Tensor& frame) const {
    const FusedUpConv& up = stages_.back().up;
    const at::Tensor y = at::empty({1, 2 * x.size(1), 2 * x.size(2), up.out()}, x.options());
    up.write(x, part, y, {leak_});
    if (patch_ == 1) return out_.write(y, frame);
    const at::Tensor channels =
        patch_out_(y).permute({0, 3, 1, 2}).narrow(1, 0, 3 * patch_ * patch_);
    frame.copy_(at::pixel_shuffle(channels, patch_)[0]);
}

at::Tensor FusedTaehvDecoder::decode(const at::Tensor& latents, const at::Tensor& condition,
                                     State& state) const {
    const int64_t count = latents.size(1);
    const int64_t lead = count * kFrames - condition.size(0);
    TORCH_CHECK(lead == kTrim || (lead == 0 && !state.memory.empty()),
                "decoder: ", condition.size(0), " frames for ", count, " latent frames");
    if (lead > 0)
        start_memory(state.memory, latents.size(2), latents.size(3), channels_, latents.options());
    const at::Tensor frames = at::empty(condition.sizes(), latents.options());
    run_stages(
        stages_, count, lead, state.memory,
        [&](int64_t first, int64_t n) { return in_(input(latents.narrow(1, first, n)), {leak_}); },
        [&](const at::Tensor& x, int64_t part, int64_t frame) { finish(x, part, frames[frame]); });
    // In fp32, since shifting by 1 costs 16-bit types the darkest steps.
    return symmetric_ ? (frames.to(at::kFloat) + 1) / 2 : frames;
}

}  // namespace flashvsr
