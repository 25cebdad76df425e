#include "models/color_fix.h"

#include <tuple>

namespace flashvsr {
namespace {

constexpr double kVarianceFloor = 1e-5;
constexpr int kWaveletLevels = 5;

// Gives each channel of each frame the reference's mean and deviation.
at::Tensor adain(const at::Tensor& frames, const at::Tensor& reference) {
    auto statistics = [](const at::Tensor& x) {
        const auto [variance, mean] = at::var_mean(x, {2, 3}, /*unbiased=*/false, /*keepdim=*/true);
        return std::make_tuple(at::sqrt(variance + kVarianceFloor), mean);
    };
    const auto [deviation, mean] = statistics(frames);
    const auto [wanted_deviation, wanted_mean] = statistics(reference);
    return (frames - mean) / deviation * wanted_deviation + wanted_mean;
}

// [1 2 1]^T [1 2 1] / 16 with its taps `dilation` pixels apart, borders repeated.
at::Tensor blur(const at::Tensor& x, int64_t dilation) {
    const at::Tensor line = at::tensor({0.25, 0.5, 0.25}, x.options());
    const at::Tensor kernel = at::outer(line, line).expand({3, 1, 3, 3});
    const at::Tensor padded = at::replication_pad2d(x, {dilation, dilation, dilation, dilation});
    constexpr int64_t kStride = 1;
    constexpr int64_t kPadding = 0;
    return at::conv2d(padded, kernel, {}, kStride, at::IntArrayRef(kPadding), dilation,
                      /*groups=*/3);
}

at::Tensor low_frequencies(at::Tensor x) {
    for (int level = 0; level < kWaveletLevels; ++level) x = blur(x, int64_t{1} << level);
    return x;
}

}  // namespace

at::Tensor fix_color(const at::Tensor& frames, const at::Tensor& reference, ColorFix method) {
    switch (method) {
        case ColorFix::kNone: break;
        case ColorFix::kAdain: return adain(frames, reference).clamp(-1, 1);
        case ColorFix::kWavelet:
            return (frames - low_frequencies(frames) + low_frequencies(reference)).clamp(-1, 1);
    }
    return frames;
}

}  // namespace flashvsr
