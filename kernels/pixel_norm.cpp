// SPDX-License-Identifier: Apache-2.0
#include "kernels/pixel_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/half.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
void norm_pixel(const PixelNorm& p, const T* x, T* y) {
    const T* gamma = static_cast<const T*>(p.gamma);
    double squares = 0;
    for (int c = 0; c < p.channels; ++c) squares += double{to_float(x[c])} * to_float(x[c]);
    const float length = std::max(static_cast<float>(std::sqrt(squares)), 1e-12f);
    const float scale = std::sqrt(static_cast<float>(p.channels)) / length;
    for (int c = 0; c < p.channels; ++c) {
        const float v = to_float(x[c]) * scale * to_float(gamma[c]);
        y[c] = round_to<T>(p.silu ? v / (1.0f + std::exp(-v)) : v);
    }
}

}  // namespace

void pixel_norm_cpu(const PixelNorm& p) {
    require(p.channels > 0 && p.channels % 8 == 0,
            "pixel_norm takes a number of channels that 8 divides");
    with_host_type(p.type, [&](auto tag) {
        using T = decltype(tag);
        for (int64_t pixel = 0; pixel < p.pixels; ++pixel)
            norm_pixel(p, static_cast<const T*>(p.x) + pixel * p.channels,
                       static_cast<T*>(p.y) + pixel * p.channels);
    });
}

}  // namespace flashvsr::kernels
