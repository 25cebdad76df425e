// SPDX-License-Identifier: Apache-2.0
#include "models/fused/tc_decoder.h"

#include <algorithm>

#include "kernels/decoder_input.h"
#include "models/decoders/tc_layers.h"
#include "models/kernel_args.h"

namespace flashvsr {
namespace {

using tc::kFrames;
using tc::kStageIndex;
using tc::kTrim;
using tc::layer;

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
    auto conv = [&](int64_t index) {
        return take_fused_conv(weights, layer(index), {}, placement);
    };
    in_ = conv(1);
    deepen_in_ = conv(3);
    for (size_t s = 0; s < stages_.size(); ++s) {
        channels_[s] = config.channels[s];
        stages_[s] = FusedTcStage::take(weights, kStageIndex[s], /*leak=*/0.0, placement);
    }
    deepen_out_ = conv(24);
    out_ = FusedConvOut(weights.take(layer(26) + ".weight", {-1, -1, -1, -1}),
                        weights.take(layer(26) + ".bias", {-1}), placement);
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
    up.write(x, part, y, kRelu);
    out_.write(deepen_out_(y, kRelu), frame);
}

at::Tensor FusedTcDecoder::decode(const at::Tensor& given_latents,
                                  const at::Tensor& given_condition, State& state) const {
    const at::Tensor latents = given_latents.contiguous();  // kernels take pointers
    const at::Tensor condition = given_condition.contiguous();
    const int64_t count = latents.size(1);
    const int64_t lead = count * kFrames - condition.size(0);
    TORCH_CHECK(lead == kTrim || (lead == 0 && !state.memory.empty()),
                "decoder: ", condition.size(0), " condition frames for ", count, " latent frames");
    if (lead > 0)
        start_memory(state.memory, latents.size(2), latents.size(3), channels_, latents.options());
    const at::Tensor frames = at::empty(condition.sizes(), condition.options());
    run_stages(
        stages_, count, lead, state.memory,
        [&](int64_t first, int64_t n) {
            const int64_t shown = std::max<int64_t>(first * kFrames - lead, 0);
            const at::Tensor x = input(latents.narrow(1, first, n), condition.slice(0, shown),
                                       first == 0 ? lead : 0);
            return deepen_in_(in_(x, kRelu), kRelu);
        },
        [&](const at::Tensor& x, int64_t part, int64_t frame) { finish(x, part, frames[frame]); });
    return frames;
}

}  // namespace flashvsr
