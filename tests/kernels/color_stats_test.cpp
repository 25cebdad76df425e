// SPDX-License-Identifier: Apache-2.0
// AdaIN's gain and offset on the CPU.
#include "kernels/color_stats.h"

#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

struct Statistics {
    double mean = 0, deviation = 0;
};

// Two passes over a picture inside wider rows.
template <typename Value>
Statistics statistics(int height, int width, const Value& value) {
    Statistics result;
    double variance = 0;
    const double count = double(height) * width;
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) result.mean += value(y, x) / count;
    }
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            variance += (value(y, x) - result.mean) * (value(y, x) - result.mean) / count;
        }
    }
    result.deviation = std::sqrt(variance + kColorVarianceFloor);
    return result;
}

TEST(ColorStats, GainAndOffsetMoveAPictureToItsReferencesMeanAndDeviation) {
    constexpr int kFrames = 2, kHeight = 9, kWidth = 13, kRow = 16, kRows = 11;
    constexpr int kPlane = kRow * kRows;
    auto decoded = random_uniform(kFrames * 3 * kPlane, 1, 0.3f, 0.6f);
    const auto reference = random_uniform(kFrames * 3 * kPlane, 2, -0.9f, 0.4f);
    // A channel that is nearly flat and one that is wholly so: here the floor counts.
    for (int i = 0; i < kPlane; ++i) decoded[kPlane + i] = 0.7f + 1e-3f * decoded[kPlane + i];
    for (int i = 0; i < kPlane; ++i) decoded[2 * kPlane + i] = 0.25f;
    auto affine = poisoned<float>(kFrames * 3 * 2);
    ColorStats params;
    params.decoded = {decoded.data(), kPlane, kRow};
    params.reference = {reference.data(), kPlane, kRow};
    params.frames = kFrames;
    params.height = kHeight;
    params.width = kWidth;
    params.affine = affine.data();
    color_stats_cpu(params);
    for (int plane = 0; plane < kFrames * 3; ++plane) {
        const auto own = statistics(kHeight, kWidth, [&](int y, int x) {
            return 2.0 * decoded[plane * kPlane + y * kRow + x] - 1.0;
        });
        const auto wanted = statistics(kHeight, kWidth, [&](int y, int x) {
            return double{reference[plane * kPlane + y * kRow + x]};
        });
        const double gain = wanted.deviation / own.deviation;
        EXPECT_NEAR(affine[2 * plane], gain, 1e-6 * gain) << plane;
        EXPECT_NEAR(affine[2 * plane + 1], wanted.mean - own.mean * gain, 1e-6 * (1 + gain));
    }
}

}  // namespace
}  // namespace flashvsr::kernels
