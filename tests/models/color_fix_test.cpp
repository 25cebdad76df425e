// SPDX-License-Identifier: Apache-2.0
// Colour correction against docs/model.md section 11, pixel by pixel in double.
#include "models/color_fix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/models/support.h"

namespace flashvsr {
namespace {

// A plane is one channel of one frame.
struct Statistics {
    double mean = 0, deviation = 0;

    explicit Statistics(const at::Tensor& plane) {
        const auto value = plane.accessor<double, 2>();
        const double count = static_cast<double>(plane.numel());
        for (int64_t y = 0; y < plane.size(0); ++y)
            for (int64_t x = 0; x < plane.size(1); ++x) mean += value[y][x] / count;
        double variance = 0;
        for (int64_t y = 0; y < plane.size(0); ++y)
            for (int64_t x = 0; x < plane.size(1); ++x)
                variance += (value[y][x] - mean) * (value[y][x] - mean) / count;
        deviation = std::sqrt(variance + 1e-5);
    }
};

void adain(const at::Tensor& frame, const at::Tensor& reference, const at::Tensor& out) {
    const Statistics own(frame), wanted(reference);
    out.copy_((frame - own.mean) / own.deviation * wanted.deviation + wanted.mean);
}

// 3 x 3 taps [1 2 1]^T [1 2 1] / 16, `step` pixels apart, the border repeated.
at::Tensor blurred(const at::Tensor& plane, int64_t step) {
    const at::Tensor result = at::empty_like(plane);
    const auto in = plane.accessor<double, 2>();
    auto out = result.accessor<double, 2>();
    const int64_t height = in.size(0), width = in.size(1);
    for (int64_t y = 0; y < height; ++y)
        for (int64_t x = 0; x < width; ++x) {
            out[y][x] = 0;
            for (int64_t dy = -1; dy <= 1; ++dy)
                for (int64_t dx = -1; dx <= 1; ++dx)
                    out[y][x] += (2.0 - std::abs(dy)) * (2.0 - std::abs(dx)) / 16 *
                                 in[std::clamp<int64_t>(y + dy * step, 0, height - 1)]
                                   [std::clamp<int64_t>(x + dx * step, 0, width - 1)];
        }
    return result;
}

void wavelet(const at::Tensor& frame, const at::Tensor& reference, const at::Tensor& out) {
    at::Tensor low = frame, high = at::zeros_like(frame), wanted = reference;
    for (int64_t level = 0; level < 5; ++level) {
        const at::Tensor next = blurred(low, int64_t{1} << level);
        high = high + (low - next);
        low = next;
        wanted = blurred(wanted, int64_t{1} << level);
    }
    out.copy_(high + wanted);
}

class ColorFixTest : public ::testing::Test {
  protected:
    ColorFixTest() { at::manual_seed(31); }

    static at::Tensor expected(const at::Tensor& frames, const at::Tensor& reference,
                               ColorFix method) {
        const at::Tensor in = frames.to(at::kDouble).contiguous();
        const at::Tensor wanted = reference.to(at::kDouble).contiguous();
        at::Tensor out = at::empty_like(in);
        for (int64_t f = 0; f < in.size(0); ++f)
            for (int64_t c = 0; c < 3; ++c) {
                if (method == ColorFix::kAdain)
                    adain(in[f][c], wanted[f][c], out[f][c]);
                else
                    wavelet(in[f][c], wanted[f][c], out[f][c]);
            }
        return out.clamp(-1, 1);
    }

    // The engine's, for frames in [-1, 1].
    static at::Tensor fixed(const at::Tensor& frames, const at::Tensor& reference, ColorFix method,
                            bool fused = false) {
        if (method == ColorFix::kWavelet) return wavelet_fix(frames, reference);
        const at::Tensor affine =
            adain_affine({(frames + 1) / 2, reference, frames.size(2), frames.size(3)}, fused);
        EXPECT_EQ(affine.sizes(), (at::IntArrayRef{frames.size(0), 3, 2}));
        const at::Tensor gain = affine.select(2, 0).unsqueeze(-1).unsqueeze(-1);
        const at::Tensor offset = affine.select(2, 1).unsqueeze(-1).unsqueeze(-1);
        return (frames * gain + offset).clamp(-1, 1);
    }

    // Off in mean and contrast, differently in each frame and channel.
    at::Tensor frames_ = testing::random_frames(3, 24, 40) * (at::rand({3, 3, 1, 1}) + 0.3) +
                         at::randn({3, 3, 1, 1}) * 0.3;
    // Wide enough for values to be clipped.
    at::Tensor reference_ = testing::random_frames(3, 24, 40) + at::randn({3, 3, 1, 1}) * 0.3;
};

TEST_F(ColorFixTest, AdainGivesEachFrameAndChannelTheReferencesMeanAndDeviation) {
    const at::Tensor wanted = expected(frames_, reference_, ColorFix::kAdain);
    EXPECT_EQ(wanted.max().item<double>(), 1.0) << "the case does not reach the clip";
    // Nearly flat: here the 1e-5 under the root counts, and whether the variance is the sample's.
    const at::Tensor dim = at::randn_like(frames_) * 0.003 + 0.25;
    const at::Tensor flat = at::full_like(frames_, 0.25);
    for (const bool fused : {false, true}) {
        SCOPED_TRACE(fused);
        EXPECT_LT(testing::relative_l2(fixed(frames_, reference_, ColorFix::kAdain, fused), wanted),
                  1e-6);
        for (const at::Tensor& even : {dim, flat})
            EXPECT_LT(testing::relative_l2(fixed(even, reference_, ColorFix::kAdain, fused),
                                           expected(even, reference_, ColorFix::kAdain)),
                      2e-5);
    }
}

TEST_F(ColorFixTest, WaveletTakesTheReferencesLowFrequencies) {
    const at::Tensor out = fixed(frames_, reference_, ColorFix::kWavelet);
    const at::Tensor wanted = expected(frames_, reference_, ColorFix::kWavelet);
    EXPECT_LT(testing::relative_l2(out, wanted), 1e-6);
    EXPECT_EQ(wanted.max().item<double>(), 1.0) << "the case does not reach the clip";
}

// The frames are padded; what is beside the picture must not shift its colours.
TEST_F(ColorFixTest, AdainLeavesThePaddingOut) {
    auto picture = [](const at::Tensor& x) { return x.narrow(2, 0, 17).narrow(3, 0, 30); };
    for (const bool fused : {false, true}) {
        const at::Tensor padded = adain_affine({(frames_ + 1) / 2, reference_, 17, 30}, fused);
        const at::Tensor bare =
            adain_affine({(picture(frames_) + 1) / 2, picture(reference_), 17, 30}, false);
        EXPECT_LT(testing::relative_l2(padded, bare), 1e-6);
    }
}

}  // namespace
}  // namespace flashvsr
