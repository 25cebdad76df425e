// SPDX-License-Identifier: Apache-2.0
#include "kernels/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace flashvsr::kernels {
namespace {

// The value of a float of 1 + exponent_bits + mantissa_bits bits by its definition.
double value_of(uint32_t bits, int exponent_bits, int mantissa_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
    const int mantissa = bits & ((1 << mantissa_bits) - 1);
    const double sign = bits >> (exponent_bits + mantissa_bits) ? -1 : 1;
    if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

template <typename T>
struct Format;
template <>
struct Format<Float16> {
    static constexpr int kExponentBits = 5, kMantissaBits = 10;
    static constexpr uint32_t kFinite = 0x7c00;  // numbers from zero on, their bits counting up
};
template <>
struct Format<BFloat16> {
    static constexpr int kExponentBits = 8, kMantissaBits = 7;
    static constexpr uint32_t kFinite = 0x7f80;
};
template <>
struct Format<Float8E4M3> {
    static constexpr int kExponentBits = 4, kMantissaBits = 3;
    static constexpr uint32_t kFinite = 0x7f;
};

template <typename T>
class HalfTest : public testing::Test {};
using HalfTypes = testing::Types<Float16, BFloat16, Float8E4M3>;
TYPED_TEST_SUITE(HalfTest, HalfTypes);

TYPED_TEST(HalfTest, EveryFiniteNumberHasItsValueAndComesBack) {
    using F = Format<TypeParam>;
    const uint32_t sign = 1u << (8 * sizeof(TypeParam) - 1);
    for (uint32_t magnitude = 0; magnitude < F::kFinite; ++magnitude) {
        for (const uint32_t bits : {magnitude, magnitude | sign}) {
            const TypeParam number{static_cast<decltype(TypeParam::bits)>(bits)};
            ASSERT_EQ(to_float(number), value_of(bits, F::kExponentBits, F::kMantissaBits)) << bits;
            ASSERT_EQ(round_to<TypeParam>(to_float(number)).bits, bits);
        }
    }
}

TYPED_TEST(HalfTest, HalfwayGoesToTheEvenNeighbourAndElseToTheNearer) {
    using F = Format<TypeParam>;
    const uint32_t sign = 1u << (8 * sizeof(TypeParam) - 1);
    for (uint32_t bits = 0; bits + 1 < F::kFinite; ++bits) {
        const double low = value_of(bits, F::kExponentBits, F::kMantissaBits);
        const double high = value_of(bits + 1, F::kExponentBits, F::kMantissaBits);
        const float middle = static_cast<float>((low + high) / 2);
        if (middle != (low + high) / 2) continue;  // below what a float holds
        ASSERT_EQ(round_to<TypeParam>(middle).bits, bits + bits % 2) << bits;
        ASSERT_EQ(round_to<TypeParam>(-middle).bits, sign + bits + bits % 2) << bits;
        ASSERT_EQ(round_to<TypeParam>(std::nextafter(middle, 0.0f)).bits, bits);
        ASSERT_EQ(round_to<TypeParam>(std::nextafter(middle, INFINITY)).bits, bits + 1);
    }
}

TYPED_TEST(HalfTest, TooLargeBecomesInfinityOrTheLargestAndNanStaysNan) {
    const float limit = sizeof(TypeParam) == 1 ? 448.0f : INFINITY;
    EXPECT_EQ(to_float(round_to<TypeParam>(3.4e38f)), limit);
    EXPECT_EQ(to_float(round_to<TypeParam>(-INFINITY)), -limit);
    EXPECT_TRUE(std::isnan(to_float(round_to<TypeParam>(NAN))));
    EXPECT_TRUE(std::isnan(to_float(round_to<TypeParam>(float_from_bits(0x7f800001)))));
}

}  // namespace
}  // namespace flashvsr::kernels
