#include "models/color_fix.h"

namespace flashvsr {
namespace {

constexpr double kVarianceFloor = 1e-5;
constexpr int kWaveletLevels = 5;

at::Tensor crop(const at::Tensor& x, const DecodedFrames& frames) {
    return x.narrow(2, 0, frames.height).narrow(3, 0, frames.width).to(at::kFloat);
}

struct Statistics {
    at::Tensor mean, deviation;  // [F, 3]
};

Statistics statistics(const at::Tensor& x) {
    const auto [variance, mean] = at::var_mean(x, {2, 3}, /*unbiased=*/false);
    return {mean, at::sqrt(variance + kVarianceFloor)};
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

at::Tensor picture_of(const DecodedFrames& frames) { return crop(frames.decoded, frames) * 2 - 1; }

at::Tensor reference_of(const DecodedFrames& frames) { return crop(frames.reference, frames); }

at::Tensor adain_affine(const DecodedFrames& frames) {
    const Statistics own = statistics(picture_of(frames));
    const Statistics wanted = statistics(reference_of(frames));
    const at::Tensor gain = wanted.deviation / own.deviation;
    return at::stack({gain, wanted.mean - own.mean * gain}, -1);
}

at::Tensor wavelet_fix(const at::Tensor& picture, const at::Tensor& reference) {
    return (picture - low_frequencies(picture) + low_frequencies(reference)).clamp(-1, 1);
}

}  // namespace flashvsr
