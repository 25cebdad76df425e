// SPDX-License-Identifier: Apache-2.0
// Block lists and block-sparse attention on the CPU.
#include "kernels/attention_e4m3.h"
#include "kernels/block_list.h"
#include "kernels/block_sparse_attention.h"
#include "tests/kernels/attention_values.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

TEST(BlockList, HoldsTheSetColumnsInOrder) {
    const bool mask[3][5] = {{false, true, false, true, true}, {}, {true, true, true, true, true}};
    std::vector<int32_t> count(3, -1), index(15, -1);
    block_list_cpu({&mask[0][0], count.data(), index.data(), 3, 5});
    EXPECT_EQ(count, (std::vector<int32_t>{3, 0, 5}));
    EXPECT_EQ(index, (std::vector<int32_t>{1, 3, 4, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4}));
}

constexpr int kHeads = 2, kQueryWindows = 4, kKeyWindows = 5;
constexpr int kRow = kHeads * kHeadDim;

// softmax(q k^T / sqrt(128)) v over the listed keys, in double.
std::vector<double> dense_attention(const std::vector<float>& q, const std::vector<float>& k,
                                    const std::vector<float>& v, const RandomLists& lists) {
    std::vector<double> out(q.size(), 0.0);
    for (int head = 0; head < kHeads; ++head) {
        for (int token = 0; token < kQueryWindows * kWindowTokens; ++token) {
            const int list = head * kQueryWindows + token / kWindowTokens;
            const float* query = &q[token * kRow + head * kHeadDim];
            double total = 0;
            double* result = &out[token * kRow + head * kHeadDim];
            for (int i = 0; i < lists.count[list] * kWindowTokens; ++i) {
                const int window = lists.index[list * kKeyWindows + i / kWindowTokens];
                const int key =
                    (window * kWindowTokens + i % kWindowTokens) * kRow + head * kHeadDim;
                double score = 0;
                for (int d = 0; d < kHeadDim; ++d) score += double{query[d]} * k[key + d];
                const double p = std::exp(score / std::sqrt(128.0));
                total += p;
                for (int d = 0; d < kHeadDim; ++d) result[d] += p * v[key + d];
            }
            for (int d = 0; d < kHeadDim && total > 0; ++d) result[d] /= total;
        }
    }
    return out;
}

template <typename T, typename Out = T>
void expect_attention_follows_formula(double tolerance) {
    const auto q = to_type<T>(random_normal(kQueryWindows * kWindowTokens * kRow, 1, 2.0f));
    const auto k = to_type<T>(random_normal(kKeyWindows * kWindowTokens * kRow, 2));
    const auto v = to_type<T>(random_normal(kKeyWindows * kWindowTokens * kRow, 3));
    const auto stored_v = stored_values(v, kHeads);
    const RandomLists lists = random_lists(kHeads * kQueryWindows, kKeyWindows, 0.5, 4);
    std::vector<Out> out = poisoned<Out>(q.size());
    BlockSparseAttention params;
    params.q = q.data();
    params.k = k.data();
    params.v = stored_v.data();
    params.out = out.data();
    params.block_count = lists.count.data();
    params.block_index = lists.index.data();
    params.heads = kHeads;
    params.query_windows = kQueryWindows;
    params.key_windows = kKeyWindows;
    params.type = element_type_of<T>();
    params.out_type = element_type_of<Out>();
    block_sparse_attention_cpu(params);

    const auto result = to_floats(out);
    const auto expected = dense_attention(to_floats(q), to_floats(k), to_floats(v), lists);
    EXPECT_LT(relative_l2(result, expected), tolerance);
    for (int list = 0; list < kHeads * kQueryWindows; ++list) {
        if (lists.count[list] > 0) continue;
        const int head = list / kQueryWindows, window = list % kQueryWindows;
        for (int i = 0; i < kWindowTokens * kHeadDim; ++i) {
            const int row = window * kWindowTokens + i / kHeadDim;
            ASSERT_EQ(result[row * kRow + head * kHeadDim + i % kHeadDim], 0.0f);
        }
    }
}

TEST(BlockSparseAttention, FollowsTheFormulaAndEmptyRowsAreZero) {
    expect_attention_follows_formula<float>(1e-5);
    expect_attention_follows_formula<Float16>(1e-3);
    expect_attention_follows_formula<BFloat16>(6e-3);
    expect_attention_follows_formula<Float8E4M3, BFloat16>(3e-2);  // weights of four bits
}

TEST(BlockSparseAttention, ScalesOfFp8StandForLargerNumbers) {
    constexpr int kSize = kWindowTokens * kHeadDim;
    const auto q = to_type<Float8E4M3>(random_normal(kSize, 1));
    const auto k = to_type<Float8E4M3>(random_normal(kSize, 2));
    const auto v = stored_values(to_type<Float8E4M3>(random_normal(kSize, 3)), 1);
    const int32_t count = 1, index = 0;
    BlockSparseAttention params;
    params.k = k.data();
    params.v = v.data();
    params.block_count = &count;
    params.block_index = &index;
    params.heads = params.query_windows = params.key_windows = 1;
    params.type = ElementType::kFloat8E4M3;
    params.out_type = ElementType::kFloat32;
    auto out = poisoned<float>(kSize), scaled = poisoned<float>(kSize);
    params.q = q.data();
    params.out = out.data();
    block_sparse_attention_cpu(params);

    auto quarter = to_floats(q);  // exact: e4m3 has the exponents
    for (float& x : quarter) x *= 0.25f;
    const auto small_q = to_type<Float8E4M3>(quarter);
    params.q = small_q.data();
    params.out = scaled.data();
    params.q_scale = 2.0f;
    params.k_scale = 2.0f;
    params.v_scale = 0.5f;
    block_sparse_attention_cpu(params);
    for (float& x : out) x *= 0.5f;
    EXPECT_LT(relative_l2(scaled, out), 1e-2);  // subnormals of small_q
}

// One key has weight 1 and value 0, the 127 others weight p and, in column d, value 1 + d / 128.
TEST(BlockSparseAttention, RoundsTheWeightsButNotTheirSum) {
    constexpr int kSize = kWindowTokens * kHeadDim;
    std::vector<float> q(kSize, 0.0f), k(kSize, 0.0f), v(kSize, 0.0f);
    for (int token = 0; token < kWindowTokens; ++token) {
        q[token * kHeadDim] = 1.0f;
        if (token == 0) continue;
        k[token * kHeadDim] = -5.0f;
        for (int d = 0; d < kHeadDim; ++d) v[token * kHeadDim + d] = 1.0f + d / 128.0f;
    }
    const auto q16 = to_type<BFloat16>(q), k16 = to_type<BFloat16>(k), v16 = to_type<BFloat16>(v);
    auto out = poisoned<BFloat16>(kSize);
    const int32_t count = 1, index = 0;
    BlockSparseAttention params;
    params.q = q16.data();
    params.k = k16.data();
    params.v = v16.data();
    params.out = out.data();
    params.block_count = &count;
    params.block_index = &index;
    params.heads = params.query_windows = params.key_windows = 1;
    params.type = ElementType::kBFloat16;
    block_sparse_attention_cpu(params);

    const double p = std::exp(-5.0 / std::sqrt(128.0));
    const auto column = [&](int d, double weight) {
        return rounded<BFloat16>(
            static_cast<float>(v[kHeadDim + d] * 127 * weight / (1 + 127 * p)));
    };
    int exact = 0, unrounded = 0;
    for (int d = 0; d < kHeadDim; ++d) {
        exact += to_float(out[d]) == column(d, rounded<BFloat16>(static_cast<float>(p)));
        unrounded += to_float(out[d]) == column(d, p);
    }
    EXPECT_GE(exact, kHeadDim - 2);
    EXPECT_LT(unrounded, kHeadDim - 20);
}

// e4m3 has three bits of mantissa: an element is within a sixteenth of what it stands for.
TEST(AttentionE4m3, ElementsTimesScaleAreNearAndValuesStandTransposed) {
    constexpr int kWindows = 2, kSize = kWindows * kWindowTokens * kHeads * kHeadDim;
    const auto q = to_type<BFloat16>(random_normal(kSize, 1));
    const auto k = to_type<BFloat16>(random_normal(kSize, 2));
    const auto v = to_type<BFloat16>(random_normal(kSize, 3));
    auto q_e4m3 = poisoned<Float8E4M3>(kSize), k_e4m3 = q_e4m3, v_e4m3 = q_e4m3;
    AttentionE4m3 params{q.data(),      k.data(),      v.data(), q_e4m3.data(),
                         k_e4m3.data(), v_e4m3.data(), 0.01f,    0.02f,
                         0.04f,         kWindows,      kHeads,   ElementType::kBFloat16};
    attention_e4m3_cpu(params);
    for (int i = 0; i < kSize; ++i) {
        const int token = i / (kHeads * kHeadDim), column = i % (kHeads * kHeadDim);
        const int stored = (token / kWindowTokens * kHeads * kHeadDim + column) * kWindowTokens +
                           value_position_e4m3(token % kWindowTokens);
        const auto near = [](float element, float scale, float value) {
            return std::abs(element * scale - value) <= std::abs(value) / 16 + scale / 1024;
        };
        ASSERT_TRUE(near(to_float(q_e4m3[i]), 0.01f, to_float(q[i])) &&
                    near(to_float(k_e4m3[i]), 0.02f, to_float(k[i])) &&
                    near(to_float(v_e4m3[stored]), 0.04f, to_float(v[i])));
    }
}

}  // namespace
}  // namespace flashvsr::kernels
