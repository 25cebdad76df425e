// SPDX-License-Identifier: Apache-2.0
// The q and k preparation on the CPU: that of rms_norm_rope, and its means.
#include "kernels/qk_prepare.h"

#include "kernels/attention_e4m3.h"
#include "kernels/norm.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
class QkPrepareTest : public testing::Test {};
using Types = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(QkPrepareTest, Types);

TYPED_TEST(QkPrepareTest, NormsTurnsAndAveragesWindows) {
    using T = TypeParam;
    constexpr int kWindows = 2, kDim = 256, kTokens = kWindows * kWindowTokens;
    constexpr int kStride = 3 * kDim;  // q, k and v side by side
    const auto qkv = to_type<T>(random_normal(kTokens * kStride, 1, 3.0f));
    const auto cos_sin = random_uniform(kTokens * kHeadDim, 2, -1.0f, 1.0f);
    const std::vector<T> norm[] = {to_type<T>(random_uniform(kDim, 3, 0.5f, 1.5f)),
                                   to_type<T>(random_uniform(kDim, 4, 0.5f, 1.5f))};
    auto q = poisoned<T>(kTokens * kDim), k = q;
    auto q_mean = poisoned<T>(kWindows * kDim), k_mean = q_mean;
    QkPrepare params;
    params.qk = qkv.data();
    params.row_stride = kStride;
    params.norm_q = norm[0].data();
    params.norm_k = norm[1].data();
    params.cos_sin = cos_sin.data();
    params.q = q.data();
    params.k = k.data();
    params.q_mean = q_mean.data();
    params.k_mean = k_mean.data();
    params.windows = kWindows;
    params.dim = kDim;
    params.type = element_type_of<T>();
    qk_prepare_cpu(params);

    for (int part = 0; part < 2; ++part) {
        std::vector<T> rows;
        for (int token = 0; token < kTokens; ++token) {
            const auto begin = qkv.begin() + token * kStride + part * kDim;
            rows.insert(rows.end(), begin, begin + kDim);
        }
        RmsNormRope alone;
        alone.x = alone.y = rows.data();
        alone.weight = norm[part].data();
        alone.cos_sin = cos_sin.data();
        alone.rows = kTokens;
        alone.dim = kDim;
        alone.type = element_type_of<T>();
        rms_norm_rope_cpu(alone);
        EXPECT_EQ(to_floats(part == 0 ? q : k), to_floats(rows));

        std::vector<double> mean(kWindows * kDim);
        for (int i = 0; i < kTokens * kDim; ++i) {
            mean[i / (kWindowTokens * kDim) * kDim + i % kDim] += to_float(rows[i]) / 128.0;
        }
        for (double& value : mean) value = rounded<T>(float(value));
        EXPECT_LT(relative_l2(to_floats(part == 0 ? q_mean : k_mean), mean), 1e-6);
    }
}

TEST(QkPrepare, StoresInE4m3WhatFp8AttentionReads) {
    constexpr int kDim = 256, kRows = kWindowTokens, kSize = kRows * kDim;
    const auto qk = to_type<BFloat16>(random_normal(2 * kSize, 1, 3.0f));
    const auto cos_sin = random_uniform(kRows * kHeadDim, 2, -1.0f, 1.0f);
    const auto norm = to_type<BFloat16>(random_uniform(kDim, 3, 0.5f, 1.5f));
    auto q = poisoned<BFloat16>(kSize), k = q, q_mean = poisoned<BFloat16>(kDim), k_mean = q_mean;
    auto q_e4m3 = poisoned<Float8E4M3>(kSize), k_e4m3 = q_e4m3, q_expected = q_e4m3,
         k_expected = q_e4m3, v_expected = q_e4m3;
    QkPrepare params;
    params.qk = qk.data();
    params.row_stride = 2 * kDim;
    params.norm_q = params.norm_k = norm.data();
    params.cos_sin = cos_sin.data();
    params.q = q.data();
    params.k = k.data();
    params.q_mean = q_mean.data();
    params.k_mean = k_mean.data();
    params.windows = 1;
    params.dim = kDim;
    params.type = ElementType::kBFloat16;
    qk_prepare_cpu(params);
    params.q = q_e4m3.data();
    params.k = k_e4m3.data();
    params.q_scale = 0.003f;  // the largest are beyond what e4m3 holds
    params.k_scale = 0.02f;
    qk_prepare_cpu(params);

    attention_e4m3_cpu({q.data(), k.data(), q.data(), q_expected.data(), k_expected.data(),
                        v_expected.data(), params.q_scale, params.k_scale, 1.0f, 1, kDim / kHeadDim,
                        ElementType::kBFloat16});
    EXPECT_EQ(to_floats(q_e4m3), to_floats(q_expected));
    EXPECT_EQ(to_floats(k_e4m3), to_floats(k_expected));
}

TEST(QkPrepare, RefusesRowsThatOverlap) {
    QkPrepare params;
    params.dim = 128;
    params.row_stride = 255;
    EXPECT_THROW(qk_prepare_cpu(params), std::invalid_argument);
}

}  // namespace
}  // namespace flashvsr::kernels
