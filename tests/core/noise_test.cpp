// SPDX-License-Identifier: Apache-2.0
#include "core/noise.h"

#include <gtest/gtest.h>

namespace flashvsr {
namespace {

const WindowGrid kGrid{2, 3};

at::Tensor noise(uint64_t seed, int64_t first, int64_t count) {
    return make_noise(seed, first, count, 16, kGrid, Placement{});
}

TEST(Noise, IsStandardNormal) {
    const at::Tensor values = noise(7, 0, 6);
    EXPECT_NEAR(values.mean().item<double>(), 0.0, 0.01);
    EXPECT_NEAR(values.std().item<double>(), 1.0, 0.01);
}

// A live stream does not know its length: a step's noise must not depend on it.
TEST(Noise, DependsOnTheLatentFrameAloneNotOnTheCall) {
    const at::Tensor together = noise(7, 0, 8);
    EXPECT_TRUE(at::equal(together.narrow(1, 6, 2), noise(7, 6, 2)));
    EXPECT_TRUE(at::equal(together.narrow(1, 0, 6), noise(7, 0, 6)));
}

TEST(Noise, DiffersBetweenLatentFramesAndSeeds) {
    EXPECT_FALSE(at::equal(noise(7, 0, 1), noise(7, 1, 1)));
    EXPECT_FALSE(at::equal(noise(7, 0, 1), noise(8, 0, 1)));
}

}  // namespace
}  // namespace flashvsr
