// SPDX-License-Identifier: Apache-2.0
// Convolutions of the decoders and of the projector, and what brings their inputs into shape.
#include <array>
#include <map>

#include "kernels/channel_norm.h"
#include "kernels/conv.h"
#include "kernels/conv_out.h"
#include "kernels/decoder_input.h"
#include "kernels/space_to_channel.h"
#include "tests/kernels/bench/timer.h"

namespace flashvsr::kernels {
namespace {

// The decoder's input for two latent frames.
void bench_decoder_input(Timer& timer) {
    if (!wanted("decoder_input")) return;
    const int64_t pixels = int64_t{kFrames} * 3 * kWidth * kHeight;
    const int64_t latents = int64_t{2} * 16 * (kWidth / 8) * (kHeight / 8);
    const auto frames = random_devices<BFloat16>(4, pixels, 1);
    const auto latent = random_device<BFloat16>(latents, 5);
    DeviceArray<BFloat16> out(pixels + latents);
    const double milliseconds = timer.median(50, [&](int i) {
        DecoderInput params;
        params.frames = frames[i % 4].get();
        params.latents = latent.get();
        params.latent_stride = latents / 16;
        params.out = out.get();
        params.latent_frames = 2;
        params.height = kHeight / 8;
        params.width = kWidth / 8;
        params.type = ElementType::kBFloat16;
        decoder_input_cuda(params, nullptr);
    });
    report_bytes("decoder_input bf16", milliseconds, 2.0 * sizeof(BFloat16) * (pixels + latents));
}

int64_t stack_size(const Im2colShape& shape) {
    return shape.frames / 2 * (shape.height + 2) * (shape.width + 2) * 4 * shape.channels;
}

// The projector on eight frames, as version 1.1 has them.
void bench_projector(Timer& timer) {
    const Im2colShape frames = {kFrames, kHeight / 16, kWidth / 16, kTokenChannels};
    const Im2colShape first = {kFrames / 2, frames.height, frames.width, 2048};
    const Im2colShape second = {kFrames / 4, frames.height, frames.width, 3072};
    auto count = [](const Im2colShape& shape) {
        return shape.frames * shape.height * shape.width * shape.channels;
    };
    const auto x = random_devices<BFloat16>(4, count(first), 1);  // as large as the others at least
    const auto gamma = random_device<BFloat16>(second.channels, 5);
    const auto past = random_device<BFloat16>(count(first), 6);
    DeviceArray<BFloat16> out(stack_size(first));
    if (wanted("space_to_channel")) {
        const double milliseconds = timer.median(50, [&](int i) {
            SpaceToChannel params;
            params.frames = x[i % 4].get();
            params.stack = {out.get(), past.get(), 4, kFrames};
            params.frame_count = kFrames;
            params.height = frames.height;
            params.width = frames.width;
            params.type = ElementType::kBFloat16;
            space_to_channel_cuda(params, nullptr);
        });
        report_bytes("space_to_channel bf16", milliseconds,
                     2.0 * (count(frames) * 1.5 + stack_size(frames)));
    }
    for (const Im2colShape& shape : {first, second}) {
        const bool tokens = shape.channels == second.channels;
        const std::string name =
            std::string("channel_norm bf16, into ") + (tokens ? "tokens" : "a stack");
        if (!wanted(name)) continue;
        const double milliseconds = timer.median(50, [&](int i) {
            ChannelNorm params;
            params.x = x[i % 4].get();
            params.bias = params.gamma = gamma.get();
            params.shape = shape;
            params.type = ElementType::kBFloat16;
            if (tokens)
                params.tokens = out.get();
            else
                params.stack = {out.get(), past.get(), 4, static_cast<int>(shape.frames)};
            channel_norm_cuda(params, nullptr);
        });
        report_bytes(
            name, milliseconds,
            2.0 * (count(shape) + (tokens ? count(shape) : stack_size(shape) + count(shape) / 2)));
    }
}

// Layers of the decoders and of the projector for eight frames; `times`: how often each runs.
struct ConvLayer {
    const char* network;
    const char* name;
    int n, h, w, in, out, kernel, pad, upsample, grow, history;
    bool residual;
    int times;
};
constexpr ConvLayer kConvLayers[] = {
    {"tcd", "in 784 to 512, 1/8", 2, kRows8, kColumns8, 784, 512, 3, 1, 1, 1, 0, false, 1},
    {"tcd", "512, 1/8", 2, kRows8, kColumns8, 512, 512, 3, 1, 1, 1, 0, false, 4},
    {"tcd", "512 + 512, 1/8", 2, kRows8, kColumns8, 512, 512, 3, 1, 1, 1, 1, false, 3},
    {"tcd", "512 residual, 1/8", 2, kRows8, kColumns8, 512, 512, 3, 1, 1, 1, 0, true, 3},
    {"tcd", "512 to 256, x2", 2, kRows8, kColumns8, 512, 256, 2, 1, 2, 1, 0, false, 1},
    {"tcd", "256, 1/4", 2, 2 * kRows8, 2 * kColumns8, 256, 256, 3, 1, 1, 1, 0, false, 3},
    {"tcd", "256 + 256, 1/4", 2, 2 * kRows8, 2 * kColumns8, 256, 256, 3, 1, 1, 1, 1, false, 3},
    {"tcd", "256 residual, 1/4", 2, 2 * kRows8, 2 * kColumns8, 256, 256, 3, 1, 1, 1, 0, true, 3},
    {"tcd", "256 to 128, x2, grow 2", 2, 2 * kRows8, 2 * kColumns8, 256, 128, 2, 1, 2, 2, 0, false,
     1},
    {"tcd", "128, 1/2", 4, 4 * kRows8, 4 * kColumns8, 128, 128, 3, 1, 1, 1, 0, false, 3},
    {"tcd", "128 + 128, 1/2", 4, 4 * kRows8, 4 * kColumns8, 128, 128, 3, 1, 1, 1, 1, false, 3},
    {"tcd", "128 residual, 1/2", 4, 4 * kRows8, 4 * kColumns8, 128, 128, 3, 1, 1, 1, 0, true, 3},
    {"tcd", "128 to 128, x2, grow 2", 4, 4 * kRows8, 4 * kColumns8, 128, 128, 2, 1, 2, 2, 0, false,
     1},
    {"tcd", "128, 1/1", 8, kHeight, kWidth, 128, 128, 3, 1, 1, 1, 0, false, 1},
    {"projector", "1", 4, kHeight / 16 + 2, kWidth / 16 + 2, 3072, 2048, 3, 0, 1, 1, 0, false, 1},
    {"projector", "2", 2, kHeight / 16 + 2, kWidth / 16 + 2, 8192, 3072, 3, 0, 1, 1, 0, false, 1},
    {"wan2.1", "384, 1/8", 2, kRows8, kColumns8, 384, 384, 3, 1, 1, 1, 2, true, 10},
    {"wan2.1", "384 to 192, x2 to 1/4", 4, kRows8, kColumns8, 384, 192, 2, 1, 2, 1, 0, false, 1},
    {"wan2.1", "192 to 384, 1/4", 2, 2 * kRows8, 2 * kColumns8, 192, 384, 3, 1, 1, 1, 2, false, 2},
    {"wan2.1", "384, 1/4", 2, 2 * kRows8, 2 * kColumns8, 384, 384, 3, 1, 1, 1, 2, true, 10},
    {"wan2.1", "384 to 192, x2 to 1/2", 4, 2 * kRows8, 2 * kColumns8, 384, 192, 2, 1, 2, 1, 0,
     false, 2},
    {"wan2.1", "192, 1/2", 4, 4 * kRows8, 4 * kColumns8, 192, 192, 3, 1, 1, 1, 2, true, 12},
    {"wan2.1", "192 to 96, x2 to 1/1", 4, 4 * kRows8, 4 * kColumns8, 192, 96, 2, 1, 2, 1, 0, false,
     2},
    {"wan2.1", "96, 1/1", 4, 8 * kRows8, 8 * kColumns8, 96, 96, 3, 1, 1, 1, 2, true, 12},
    {"wan2.1", "96 to 3 and 5, 1/1", 4, 8 * kRows8, 8 * kColumns8, 96, 8, 3, 1, 1, 1, 2, false, 2},
    {"light", "96, 1/8", 2, kRows8, kColumns8, 96, 96, 3, 1, 1, 1, 2, true, 10},
    {"light", "96 to 48, x2 to 1/4", 4, kRows8, kColumns8, 96, 48, 2, 1, 2, 1, 0, false, 1},
    {"light", "48 to 96, 1/4", 2, 2 * kRows8, 2 * kColumns8, 48, 96, 3, 1, 1, 1, 2, false, 2},
    {"light", "96, 1/4", 2, 2 * kRows8, 2 * kColumns8, 96, 96, 3, 1, 1, 1, 2, true, 10},
    {"light", "96 to 48, x2 to 1/2", 4, 2 * kRows8, 2 * kColumns8, 96, 48, 2, 1, 2, 1, 0, false, 2},
    {"light", "48, 1/2", 4, 4 * kRows8, 4 * kColumns8, 48, 48, 3, 1, 1, 1, 2, true, 12},
    {"light", "48 to 24, x2 to 1/1", 4, 4 * kRows8, 4 * kColumns8, 48, 24, 2, 1, 2, 1, 0, false, 2},
    {"light", "24, 1/1", 4, 8 * kRows8, 8 * kColumns8, 24, 24, 3, 1, 1, 1, 2, true, 12},
    {"light", "24 to 3 and 5, 1/1", 4, 8 * kRows8, 8 * kColumns8, 24, 8, 3, 1, 1, 1, 2, false, 2},
    {"taew2.1", "256, 1/8", 2, kRows8, kColumns8, 256, 256, 3, 1, 1, 1, 0, true, 6},
    {"taew2.1", "256 + 256, 1/8", 2, kRows8, kColumns8, 256, 256, 3, 1, 1, 1, 1, false, 3},
    {"taew2.1", "128, 1/4", 2, 2 * kRows8, 2 * kColumns8, 128, 128, 3, 1, 1, 1, 0, true, 6},
    {"taew2.1", "64, 1/2", 2, 4 * kRows8, 4 * kColumns8, 64, 64, 3, 1, 1, 1, 0, true, 12},
    {"taew2.1", "64 + 64, 1/2", 2, 4 * kRows8, 4 * kColumns8, 64, 64, 3, 1, 1, 1, 1, false, 6},
    {"taew2.1", "64 to 64, x2 to 1/1", 4, 4 * kRows8, 4 * kColumns8, 64, 64, 2, 1, 2, 1, 0, false,
     2},
};

// Milliseconds of one launch.
double bench_conv_layer(Timer& timer, const ConvLayer& layer, const std::string& name) {
    Conv params;
    params.n = layer.n;
    params.h = layer.h;
    params.w = layer.w;
    params.in = layer.in;
    params.out = layer.out;
    params.kernel = layer.kernel;
    params.pad = layer.pad;
    params.upsample = layer.upsample;
    params.grow = layer.grow;
    params.leak = 0.0f;
    params.type = ElementType::kBFloat16;
    params.history = layer.history;
    const int64_t frame = int64_t{layer.h} * layer.w * layer.in;
    const auto x = random_device<BFloat16>((layer.n + layer.history) * frame, 1);
    params.x = x.get() + layer.history * frame;
    if (layer.history > 0) params.past = x.get();
    const ConvShape shape = conv_shape(params);
    const int64_t weights =
        int64_t{shape.phases} * layer.out * shape.taps * shape.inputs * layer.in;
    const int64_t outputs = int64_t{layer.n} * layer.grow * shape.h * shape.w * layer.out;
    const auto weight = random_device<BFloat16>(weights, 2);
    const auto bias = random_device<float>(layer.out, 3);
    const auto residual = random_device<BFloat16>(outputs, 4);
    DeviceArray<BFloat16> y(outputs);
    params.weight = weight.get();
    params.bias = bias.get();
    if (layer.residual) params.residual = residual.get();
    params.y = y.get();
    const double milliseconds = timer.median(3, [&](int) { conv_sm90(params, nullptr); });
    const double pixels = double(layer.n) * shape.h * shape.w / (layer.upsample * layer.upsample);
    std::printf("%-44s %8.4f ms %8.1f TFLOP/s\n", name.c_str(), milliseconds,
                2.0 * weights * pixels / milliseconds / 1e9);
    return milliseconds;
}

void bench_conv(Timer& timer) {
    std::map<std::string, double> sums;
    for (const ConvLayer& layer : kConvLayers) {
        const std::string name = std::string("conv_sm90 ") + layer.network + " " + layer.name;
        if (!wanted(name)) continue;
        sums[layer.network] += layer.times * bench_conv_layer(timer, layer, name);
    }
    for (const auto& [network, sum] : sums)
        std::printf("%-44s %8.4f ms\n", ("conv_sm90, layers of " + network).c_str(), sum);
}

void bench_conv_out(Timer& timer) {
    const std::string name = "conv_out_sm90 bf16";
    if (!wanted(name)) return;
    ConvOut params;
    params.n = kFrames;
    params.h = kHeight;
    params.w = kWidth;
    params.in = 128;
    params.type = params.y_type = ElementType::kBFloat16;
    const int64_t area = int64_t{kFrames} * kHeight * kWidth;
    const auto x = random_device<BFloat16>(area * params.in, 1);
    const auto weight = random_device<BFloat16>(27 * params.in, 2);
    DeviceArray<BFloat16> y(3 * area);
    params.x = x.get();
    params.weight = weight.get();
    params.y = y.get();
    report_bytes(name, timer.median(5, [&](int) { conv_out_sm90(params, nullptr); }),
                 2.0 * area * (params.in + 3));
}

}  // namespace

void bench_convolutions(Timer& timer) {
    bench_decoder_input(timer);
    bench_projector(timer);
    if (!have_sm90()) return;
    bench_conv(timer);
    bench_conv_out(timer);
}

}  // namespace flashvsr::kernels
