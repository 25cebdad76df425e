// SPDX-License-Identifier: Apache-2.0
// Norms of tokens and of pixels.
#include "kernels/norm.h"
#include "kernels/pixel_norm.h"
#include "tests/kernels/bench/timer.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
void bench_token_norms(Timer& timer, const std::string& type) {
    const int64_t count = int64_t{kTokens} * kDim;
    const auto x = random_devices<T>(4, count, 1);
    const auto scale = random_device<T>(kDim, 5), shift = random_device<T>(kDim, 6);
    const auto cos_sin = random_device<float>(int64_t{kTokens} * 128, 7);
    DeviceArray<T> y(count);
    const auto layer_norm = [&](const std::string& mode, LayerNormRounding rounding, bool e4m3) {
        const std::string name = "layer_norm " + mode + type;
        if (!wanted(name)) return;
        const double milliseconds = timer.median_in_graph(500, [&](int i, CudaStream stream) {
            LayerNorm params;
            params.x = x[i % 4].get();
            params.scale = scale.get();
            params.shift = shift.get();
            (e4m3 ? params.y_e4m3 : params.y) = y.get();
            params.rows = kTokens;
            params.dim = kDim;
            params.rounding = rounding;
            params.type = element_type_of<T>();
            layer_norm_cuda(params, stream);
        });
        report_bytes(name, milliseconds, count * (sizeof(T) + (e4m3 ? 1.0 : sizeof(T))));
    };
    layer_norm("", LayerNormRounding::kModulate, false);
    layer_norm("plain ", LayerNormRounding::kPlain, false);
    layer_norm("plain to e4m3, ", LayerNormRounding::kPlain, true);
    if (wanted("rms_norm_rope " + type)) {
        const double milliseconds = timer.median_in_graph(500, [&](int i, CudaStream stream) {
            RmsNormRope params;
            params.x = x[i % 4].get();
            params.weight = scale.get();
            params.cos_sin = cos_sin.get();
            params.y = y.get();
            params.rows = kTokens;
            params.dim = kDim;
            params.type = element_type_of<T>();
            rms_norm_rope_cuda(params, stream);
        });
        report_bytes("rms_norm_rope " + type, milliseconds,
                     2.0 * count * sizeof(T) + kTokens * 512.0);
    }
}

void bench_pixel_norm(Timer& timer) {
    for (const auto& [channels, scale, frames] :
         {std::array{384, 1, 2}, {384, 2, 2}, {192, 4, 4}, {96, 8, 4}, {48, 4, 4}, {24, 8, 4}}) {
        const std::string name = "pixel_norm bf16, " + std::to_string(channels) + " channels, " +
                                 std::to_string(frames) + " frames of 1/" +
                                 std::to_string(8 / scale);
        if (!wanted(name)) continue;
        const int64_t pixels = int64_t{frames} * kRows8 * kColumns8 * scale * scale;
        const auto x = random_devices<BFloat16>(2, pixels * channels, 1);
        const auto gamma = random_device<BFloat16>(channels, 5);
        DeviceArray<BFloat16> y(pixels * channels);
        const double milliseconds = timer.median(5, [&](int i) {
            PixelNorm params;
            params.x = x[i % 2].get();
            params.gamma = gamma.get();
            params.y = y.get();
            params.pixels = pixels;
            params.channels = channels;
            params.type = ElementType::kBFloat16;
            pixel_norm_cuda(params, nullptr);
        });
        report_bytes(name, milliseconds, 4.0 * pixels * channels);
    }
}

}  // namespace

void bench_norms(Timer& timer) {
    bench_token_norms<BFloat16>(timer, "bf16");
    bench_token_norms<float>(timer, "fp32");
    bench_pixel_norm(timer);
}

}  // namespace flashvsr::kernels
