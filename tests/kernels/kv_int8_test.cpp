// SPDX-License-Identifier: Apache-2.0
// Keys and values in 8 bits, on the CPU.
#include "tests/kernels/kv_int8_case.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
class KvInt8Test : public testing::Test {};
using Types = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(KvInt8Test, Types);

TYPED_TEST(KvInt8Test, EveryValueComesBackWithinHalfAStepOfItsWindowAndHead) {
    using T = TypeParam;
    const KvInt8Case<T> c(3, 5, 1);
    auto q = poisoned<int8_t>(c.count());
    auto scale = poisoned<float>(c.tiles());
    auto back = poisoned<T>(c.count());
    quantize_kv_cpu({c.x.data(), q.data(), scale.data(), c.windows, c.heads, element_type_of<T>()});
    dequantize_kv_cpu(
        {q.data(), scale.data(), back.data(), c.windows, c.heads, element_type_of<T>()});

    std::vector<float> largest(c.tiles(), 0.0f);
    for (size_t i = 0; i < c.count(); ++i)
        largest[c.tile_of(i)] = std::max(largest[c.tile_of(i)], std::abs(to_float(c.x[i])));
    constexpr float kRounding = sizeof(T) == 4                ? 1e-6f
                                : std::is_same_v<T, BFloat16> ? 4e-3f
                                                              : 5e-4f;
    for (size_t i = 0; i < c.count(); ++i) {
        const float bound = largest[c.tile_of(i)];
        ASSERT_FLOAT_EQ(scale[c.tile_of(i)], bound / 127);
        ASSERT_LE(std::abs(to_float(back[i]) - to_float(c.x[i])), bound * (0.5f / 127 + kRounding));
        if (std::abs(to_float(c.x[i])) == bound && bound > 0) {
            ASSERT_EQ(std::abs(q[i]), 127);
        }
    }
}

TEST(KvInt8, TheSmallestFloatsBecomeZeroAndTheLargestStayFinite) {
    for (const float size : {1e-44f, 1e-38f, 3e38f}) {
        const std::vector<float> x(kWindowTokens * kHeadDim, size);
        auto back = poisoned<float>(x.size());
        auto q = poisoned<int8_t>(x.size());
        auto scale = poisoned<float>(1);
        quantize_kv_cpu({x.data(), q.data(), scale.data(), 1, 1, ElementType::kFloat32});
        dequantize_kv_cpu({q.data(), scale.data(), back.data(), 1, 1, ElementType::kFloat32});
        EXPECT_LE(largest_difference(back, size < 1 ? std::vector<float>(x.size()) : x),
                  size < 1 ? 0.0f : size * 1e-6f)
            << size;
    }
}

}  // namespace
}  // namespace flashvsr::kernels
