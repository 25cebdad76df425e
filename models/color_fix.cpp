// SPDX-License-Identifier: Apache-2.0
#include "models/color_fix.h"

#include "kernels/color_stats.h"
#include "models/kernel_args.h"

namespace flashvsr {
namespace {

constexpr int kWaveletLevels = 5;

at::Tensor crop(const at::Tensor& x, const DecodedFrames& frames) {
    return x.narrow(2, 0, frames.height).narrow(3, 0, frames.width).to(at::kFloat);
}

struct Statistics {
    at::Tensor mean, deviation;  // [F, 3]
};

Statistics statistics(const at::Tensor& x) {
    const auto [variance, mean] = at::var_mean(x, {2, 3}, /*unbiased=*/false);
    return {mean, at::sqrt(variance + kernels::kColorVarianceFloor)};
}

// One plane after the other, rows contiguous.
kernels::ModelPlanes planes_of(const at::Tensor& x) {
    TORCH_CHECK(x.stride(3) == 1 && x.stride(0) == 3 * x.stride(1));
    return {x.const_data_ptr(), x.stride(1), x.stride(2)};
}

at::Tensor adain_affine_fused(const DecodedFrames& frames) {
    const at::Tensor& decoded = frames.decoded;
    TORCH_CHECK(decoded.scalar_type() == frames.reference.scalar_type());
    const at::TensorOptions on_device = decoded.options();
    const at::Tensor scratch =
        at::empty({kernels::color_stats_scratch(decoded.size(0))}, on_device.dtype(at::kDouble));
    at::Tensor affine = at::empty({decoded.size(0), 3, 2}, on_device.dtype(at::kFloat));
    kernels::ColorStats params;
    params.decoded = planes_of(decoded);
    params.reference = planes_of(frames.reference);
    params.frames = static_cast<int>(decoded.size(0));
    params.height = static_cast<int>(frames.height);
    params.width = static_cast<int>(frames.width);
    params.scratch = scratch.mutable_data_ptr<double>();
    params.affine = affine.mutable_data_ptr<float>();
    params.type = element_type(decoded);
    FLASHVSR_LAUNCH(color_stats, decoded, params);
    return affine;
}

// [1 2 1]^T [1 2 1] / 16 with its taps `dilation` pixels apart, borders repeated.
at::Tensor blur(const at::Tensor& x, int64_t dilation) {
    at::Tensor line = at::full({3}, 0.25, x.options());
    line[1].fill_(0.5);  // by kernels, not copied from the host: a CUDA graph may be recording
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

at::Tensor adain_affine(const DecodedFrames& frames, bool fused) {
    if (fused) return adain_affine_fused(frames);
    const Statistics own = statistics(picture_of(frames));
    const Statistics wanted = statistics(reference_of(frames));
    const at::Tensor gain = wanted.deviation / own.deviation;
    return at::stack({gain, wanted.mean - own.mean * gain}, -1);
}

at::Tensor wavelet_fix(const at::Tensor& picture, const at::Tensor& reference) {
    return (picture - low_frequencies(picture) + low_frequencies(reference)).clamp(-1, 1);
}

}  // namespace flashvsr
