// SPDX-License-Identifier: Apache-2.0
#include "tools/train/adapter.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "core/engine.h"
#include "models/checkpoint/safetensors.h"
#include "models/error.h"
#include "tools/train/clips.h"

namespace flashvsr::train {
namespace {

constexpr int64_t kClipFrames = 17;
constexpr int64_t kTaps = 3;
// As a share of the inputs' mean square: enough for latents that are copies of each other.
constexpr double kRidge = 1e-4;

// [positions, inputs + 1]: what the adapter's convolution sees at each, and 1 for its bias. fp64.
at::Tensor rows_of(const at::Tensor& latents) {
    const at::Tensor stacked = LatentAdapter::stacked(latents).to(at::kDouble);
    const at::Tensor seen =
        at::im2col(stacked, {kTaps, kTaps}, {1, 1}, {0, 0}, {1, 1}).transpose(1, 2).flatten(0, 1);
    return at::cat({seen, at::ones({seen.size(0), 1}, seen.options())}, 1);
}

double squared_error(const at::Tensor& a, const at::Tensor& b) {
    return (a - b).square().mean().item<double>();
}

double psnr(double squared_error) { return -10 * std::log10(std::max(squared_error, 1e-10)); }

}  // namespace

Vae Vae::open(const DecoderType& type, const std::string& path, const Placement& placement) {
    Weights for_encoder = Weights::open(path);
    Weights for_decoder = Weights::open(path);
    return {load_encoder(type, for_encoder, placement),
            load_own_decoder(type, for_decoder, placement)};
}

at::Tensor Vae::decode(const at::Tensor& latents, const at::Tensor& frames) const {
    Decoder::State state;
    return decoder->decode(latents, frames, state).clamp(0, 1);
}

TensorMap fit_adapter(const Encoder& from, const Encoder& to, const Clips& clips, int64_t count) {
    const c10::NoGradGuard no_grad;
    at::Tensor gram, moments;  // of the normal equations
    for (int64_t i = 0; i < count; ++i) {
        const at::Tensor frames = clips(i);
        const at::Tensor x = rows_of(from.encode(frames));
        const at::Tensor y = to.encode(frames).to(at::kDouble).flatten(1).t();
        TORCH_CHECK(x.size(0) == y.size(0), "the two VAEs' latents do not lie on one grid");
        gram = gram.defined() ? gram + x.t().matmul(x) : x.t().matmul(x);
        moments = moments.defined() ? moments + x.t().matmul(y) : x.t().matmul(y);
    }
    const int64_t inputs = gram.size(0) - 1;
    at::Tensor penalty = at::ones({inputs + 1}, gram.options());
    penalty[inputs] = 0;  // the bias is free
    const at::Tensor mean_square = gram.diagonal().slice(0, 0, inputs).mean();
    const at::Tensor solution =
        at::linalg_solve(gram + at::diag(penalty * kRidge * mean_square), moments);
    const at::Tensor weight =
        solution.slice(0, 0, inputs)
            .t()
            .reshape({solution.size(1), inputs / (kTaps * kTaps), kTaps, kTaps});
    return {{"weight", weight.to(at::kCPU, at::kFloat).contiguous()},
            {"bias", solution[inputs].to(at::kCPU, at::kFloat).contiguous()}};
}

AdapterQuality judge_adapter(const Vae& from, const Vae& to, const LatentAdapter& adapter,
                             const Clips& clips, int64_t count) {
    const c10::NoGradGuard no_grad;
    AdapterQuality sum;
    for (int64_t i = 0; i < count; ++i) {
        const at::Tensor frames = clips(i);
        const at::Tensor wanted = (frames + 1) / 2;
        const at::Tensor latents = from.encoder->encode(frames);
        const at::Tensor direct = from.decode(latents, frames);
        const at::Tensor adapted = to.decode(adapter(latents), frames);
        sum.direct += squared_error(direct, wanted);
        sum.own += squared_error(to.decode(to.encoder->encode(frames), frames), wanted);
        sum.adapted += squared_error(adapted, wanted);
        sum.agreement += squared_error(adapted, direct);
    }
    const auto n = static_cast<double>(count);
    return {psnr(sum.direct / n), psnr(sum.own / n), psnr(sum.adapted / n),
            psnr(sum.agreement / n)};
}

AdapterQuality make_adapter(const AdapterOptions& options) {
    const Placement placement{parse_device(options.device), at::kFloat};
    const DecoderType& type = decoder_type(options.type);
    if (!type.needs_adapter())
        throw Error(Error::Kind::kInvalidArgument,
                    options.type + " decodes FlashVSR's latents as they are and needs no adapter");
    const Vae from = Vae::open(decoder_type("wan2.1"), options.from, placement);
    const Vae to = Vae::open(type, options.to, placement);
    const ClipSource source(options.data, placement.device);
    ClipOptions clip;
    clip.frames = kClipFrames;
    clip.side = options.side;
    std::mt19937 random(1);
    TensorMap tensors = fit_adapter(
        *from.encoder, *to.encoder,
        [&](int64_t) { return source.draw(clip, random).target * 2 - 1; }, options.clips);
    Weights weights = Weights::from(tensors, options.out);
    const LatentAdapter adapter(weights, tensors.at("weight").size(1) / 4, type.latent_channels,
                                placement);
    const AdapterQuality quality = judge_adapter(
        from, to, adapter, [&](int64_t i) { return source.validation(i, clip).target * 2 - 1; },
        std::min<int64_t>(source.validation_count(), 8));
    write_safetensors(options.out, tensors, {{"type", options.type}});
    return quality;
}

}  // namespace flashvsr::train
