// SPDX-License-Identifier: Apache-2.0
#include "kernels/noise.h"

#include "kernels/noise_value.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

std::vector<float> noise(int64_t count, uint64_t seed, uint64_t frame) {
    auto out = poisoned<float>(count);
    noise_cpu({out.data(), count, seed, frame, ElementType::kFloat32});
    return out;
}

// Known answers published with Random123, the authors' library.
TEST(Noise, PhiloxGivesTheKnownAnswers) {
    struct Known {
        PhiloxBlock counter;
        uint32_t key0, key1;
        PhiloxBlock answer;
    };
    const Known known[] = {
        {{{0, 0, 0, 0}}, 0, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
        {{{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
        {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
         0xa4093822,
         0x299f31d0,
         {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
    };
    for (const Known& k : known) {
        const PhiloxBlock answer = philox(k.counter, k.key0, k.key1);
        for (int i = 0; i < 4; ++i) EXPECT_EQ(answer.word[i], k.answer.word[i]);
    }
}

TEST(Noise, InverseNormalUndoesTheDistributionFunction) {
    for (int i = 0; i < 2200; ++i) {
        const double p = 0x1p-33 * std::pow(1.01, i);  // up to 0.37
        EXPECT_NEAR(0.5 * std::erfc(-inverse_normal(p) / std::sqrt(2.0)) / p, 1.0, 1e-12) << p;
        EXPECT_NEAR(inverse_normal(1.0 - p), -inverse_normal(p), 1e-6);
    }
}

TEST(Noise, OwnLogarithmAgreesWithTheLibrary) {
    for (int i = 0; i < 8000; ++i) {
        const double x = 1e-10 * std::pow(1.003, i);  // up to 2.5
        EXPECT_NEAR(portable_log(x), std::log(x), 4e-16 * std::abs(std::log(x)) + 1e-17) << x;
    }
}

TEST(Noise, IsStandardNormalAndWhite) {
    const auto values = noise(1 << 20, 7, 3);
    double moment[5] = {}, neighbour = 0;
    for (size_t i = 0; i < values.size(); ++i) {
        for (int power = 1; power <= 4; ++power) moment[power] += std::pow(values[i], power);
        if (i > 0) neighbour += values[i] * values[i - 1];
    }
    const double count = static_cast<double>(values.size());
    EXPECT_NEAR(moment[1] / count, 0.0, 0.005);  // five standard errors and more
    EXPECT_NEAR(moment[2] / count, 1.0, 0.007);
    EXPECT_NEAR(moment[3] / count, 0.0, 0.02);
    EXPECT_NEAR(moment[4] / count, 3.0, 0.05);
    EXPECT_NEAR(neighbour / count, 0.0, 0.005);
}

TEST(Noise, DependsOnSeedFrameAndElementOnly) {
    const auto all = noise(1001, 5, 9);
    const auto few = noise(6, 5, 9);
    EXPECT_TRUE(std::equal(few.begin(), few.end(), all.begin()));
    EXPECT_NE(noise(4, 5, 10), noise(4, 5, 9));
    EXPECT_NE(noise(4, 6, 9), noise(4, 5, 9));
    EXPECT_NE(noise(4, 5 + (uint64_t{1} << 32), 9), noise(4, 5, 9));
    EXPECT_NE(noise(4, 5, 9 + (uint64_t{1} << 32)), noise(4, 5, 9));

    std::vector<BFloat16> rounded_values(1001);
    noise_cpu({rounded_values.data(), 1001, 5, 9, ElementType::kBFloat16});
    for (size_t i = 0; i < all.size(); ++i) {
        ASSERT_EQ(rounded_values[i].bits, round_to<BFloat16>(all[i]).bits);
    }
}

}  // namespace
}  // namespace flashvsr::kernels
