// SPDX-License-Identifier: Apache-2.0
// The norm of the convolutional decoders on the CPU, against docs/model.md section 9.2 in double.
#include "kernels/pixel_norm.h"

#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

TEST(PixelNorm, IsTheFormulaAndMayWriteOverItsInput) {
    const int pixels = 7, channels = 24;
    auto x = random_normal(size_t(pixels) * channels, 1, 3.0f);
    // A pixel of zeros has no direction: it stays zero.
    std::fill(x.begin(), x.begin() + channels, 0.0f);
    const auto gamma = random_uniform(channels, 2, 0.5f, 1.5f);
    for (const bool silu : {true, false}) {
        std::vector<double> expected;
        for (int pixel = 0; pixel < pixels; ++pixel) {
            double squares = 0;
            for (int c = 0; c < channels; ++c) squares += std::pow(x[pixel * channels + c], 2);
            const double scale = std::sqrt(channels) / std::max(std::sqrt(squares), 1e-12);
            for (int c = 0; c < channels; ++c) {
                const double v = x[pixel * channels + c] * scale * gamma[c];
                expected.push_back(silu ? v / (1 + std::exp(-v)) : v);
            }
        }
        auto y = x;
        PixelNorm params;
        params.x = params.y = y.data();
        params.gamma = gamma.data();
        params.pixels = pixels;
        params.channels = channels;
        params.silu = silu;
        pixel_norm_cpu(params);
        EXPECT_LT(relative_l2(y, expected), 1e-6) << silu;
    }
}

}  // namespace
}  // namespace flashvsr::kernels
