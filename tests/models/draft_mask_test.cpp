// SPDX-License-Identifier: Apache-2.0
// The draft mask against docs/model.md section 7.2, row by row in double.
#include "models/draft_mask.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "models/attention.h"

namespace flashvsr {
namespace {

constexpr int64_t kHeads = 2;
using Matrix = std::vector<std::vector<double>>;

struct Case {
    WindowGrid grid;
    int64_t query_slices, key_slices, range, budget;
    at::ScalarType type;
};

DraftMaskInput input_of(const Case& c, const at::Tensor& q_mean, const at::Tensor& k_mean) {
    return {q_mean.to(c.type), k_mean.to(c.type), local_windows(c.grid, c.range), c.budget};
}

// Small integers: products are exact in every type, and many scores tie.
DraftMaskInput integer_input(const Case& c) {
    auto means = [&](int64_t slices) {
        return at::randint(-2, 3, {slices * c.grid.windows(), kHeads * kHeadDim}, at::kFloat);
    };
    const at::Tensor q_mean = means(c.query_slices);
    return input_of(c, q_mean, means(c.key_slices));
}

bool is_local(const WindowGrid& grid, int64_t range, int64_t query, int64_t key) {
    auto near = [&](int64_t q, int64_t k) {
        return k >= q - range / 2 && k <= q - range / 2 + range - 1;
    };
    return near(query / grid.columns, key / grid.columns) &&
           near(query % grid.columns, key % grid.columns);
}

double rounded(double value, at::ScalarType type) {
    return at::scalar_tensor(value, at::kFloat).to(type).item<double>();
}

// Per query window, softmax over the key windows of all slices.
Matrix softmax_weights(const Case& c, const at::Tensor& q, const at::Tensor& k) {
    const int64_t windows = c.grid.windows();
    const at::Tensor products = at::matmul(q.to(at::kDouble), k.to(at::kDouble).t()).contiguous();
    const auto dot = products.accessor<double, 2>();
    Matrix weights;
    for (int64_t i = 0; i < dot.size(0); ++i) {
        std::vector<double> row;
        for (int64_t j = 0; j < dot.size(1); ++j) {
            const double score = rounded(rounded(dot[i][j], c.type) / std::sqrt(128.0), c.type);
            row.push_back(is_local(c.grid, c.range, i % windows, j % windows) ? std::exp(score)
                                                                              : 0);
        }
        const double sum = std::accumulate(row.begin(), row.end(), 0.0);
        for (double& weight : row) weight /= sum;
        weights.push_back(row);
    }
    return weights;
}

// The (K + 1)-th largest weight of the query windows begin .. begin + windows - 1.
double threshold_of(const Case& c, const Matrix& weights, int64_t begin) {
    std::vector<double> all;
    for (int64_t row = begin; row < begin + c.grid.windows(); ++row)
        all.insert(all.end(), weights[row].begin(), weights[row].end());
    std::sort(all.rbegin(), all.rend());
    return all[std::min<int64_t>(static_cast<int64_t>(all.size()) - 1, c.budget)];
}

at::Tensor expected_mask(const Case& c, const DraftMaskInput& input) {
    const int64_t windows = c.grid.windows();
    at::Tensor mask = at::zeros({kHeads, input.q_mean.size(0), input.k_mean.size(0)}, at::kBool);
    auto out = mask.accessor<bool, 3>();
    for (int64_t head = 0; head < kHeads; ++head) {
        auto of_head = [&](const at::Tensor& x) { return x.narrow(1, head * kHeadDim, kHeadDim); };
        const Matrix weights = softmax_weights(c, of_head(input.q_mean), of_head(input.k_mean));
        for (int64_t i = 0; i < out.size(1); ++i) {
            const double threshold = threshold_of(c, weights, i / windows * windows);
            // What ties in fp32 may differ in a last bit here.
            for (int64_t j = 0; j < out.size(2); ++j)
                out[head][i][j] = weights[i][j] > threshold * (1 + 1e-6);
        }
    }
    return mask;
}

TEST(DraftMask, IsTheFormula) {
    at::manual_seed(11);
    const WindowGrid grid = {3, 4};
    for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
        for (const Case& c : {Case{grid, 1, 4, 11, 100, type}, Case{grid, 3, 3, 3, 50, type},
                              Case{grid, 3, 3, 4, 77, type}, Case{grid, 1, 3, 2, 9, type},
                              Case{grid, 1, 4, 3, 100000, type}, Case{grid, 3, 3, 11, 0, type}}) {
            const DraftMaskInput input = integer_input(c);
            const at::Tensor expected = expected_mask(c, input);
            EXPECT_TRUE(at::equal(draft_mask(input).blocks, expected))
                << type << ", range " << c.range << ", budget " << c.budget;
            EXPECT_LE(expected.view({-1, grid.windows() * c.key_slices * grid.windows()})
                          .sum(1)
                          .max()
                          .item<int64_t>(),
                      std::max<int64_t>(c.budget, 1) * c.query_slices);
        }
    }
}

// Keys of one window each, in growing likeness to the query; every slice but the weakest is kept.
TEST(DraftMask, DropsOnlyTheWeakestOfASmallPicture) {
    for (const int64_t slices : {3, 4}) {
        const Case c = {{1, 1}, 1, slices, 11, 119, at::kBFloat16};
        const at::Tensor keys =
            at::arange(slices).add(1).unsqueeze(1).expand({-1, kHeads * kHeadDim}) * 0.1;
        const at::Tensor mask =
            draft_mask(input_of(c, at::ones({1, kHeads * kHeadDim}), keys.flip(0))).blocks;
        EXPECT_TRUE(at::equal(mask[0][0], at::arange(slices) < slices - 1)) << slices;
    }
}

// docs/model.md section 15, trap 11: in the first step each query slice drops its own weakest key.
TEST(DraftMask, SelectsForEveryQuerySliceByItself) {
    const Case c = {{1, 1}, 3, 3, 11, 119, at::kFloat};
    // Query slice i is least like key slice i, and far more so for i = 0.
    const at::Tensor keys = at::eye(kHeads * kHeadDim).narrow(0, 0, 3);
    const at::Tensor queries = at::tensor({-900.0F, -9.0F, -0.9F}).view({3, 1}) * keys;
    const at::Tensor mask = draft_mask(input_of(c, queries, keys)).blocks;
    EXPECT_TRUE(at::equal(mask[0], at::eye(3).to(at::kBool).logical_not()));
}

// docs/model.md section 15, traps 8 and 10: what ties with the threshold is dropped, be it all.
TEST(DraftMask, DropsTiesEvenIfNothingStays) {
    const Case c = {{2, 2}, 1, 3, 11, 20, at::kBFloat16};
    const at::Tensor same = at::ones({1, kHeads * kHeadDim});
    const DraftMask tied = draft_mask(input_of(c, same.expand({4, -1}), same.expand({12, -1})));
    EXPECT_FALSE(tied.blocks.any().item<bool>());
    const at::Tensor v = at::randn({12 * kWindowTokens, kHeads * kHeadDim});
    const at::Tensor q = v.narrow(0, 0, 4 * kWindowTokens);
    EXPECT_EQ(block_sparse_attention(q, v, v, block_lists(tied.blocks)).abs().max().item<float>(),
              0.0F);
}

// The fused selection against LibTorch's, on the device at hand.
void expect_fused_equals_plain(const Case& c, const DraftMaskInput& input) {
    DraftMask fused;
    const BlockLists lists = draft_lists(input, &fused);
    const BlockLists of_mask = block_lists(fused.blocks);
    EXPECT_TRUE(at::equal(lists.count, of_mask.count));
    const at::Tensor counted =
        at::arange(lists.index.size(2), lists.count.options()) < lists.count.unsqueeze(2);
    EXPECT_TRUE(
        at::equal(lists.index.masked_select(counted), of_mask.index.masked_select(counted)));

    // Sums in another order: what lies within a few last bits of the threshold may differ.
    const DraftMask plain = draft_mask(input);
    EXPECT_TRUE(at::allclose(fused.weight, plain.weight, 1e-5, 0));
    const at::Tensor threshold = plain.threshold.repeat_interleave(c.grid.windows(), 1);
    const at::Tensor clear = (plain.weight - threshold).abs() > 1e-5 * threshold;
    EXPECT_TRUE(at::equal(fused.blocks.logical_and(clear), plain.blocks.logical_and(clear)))
        << c.type << ", range " << c.range << ", budget " << c.budget;
}

TEST(DraftLists, AreThoseOfTheMask) {
    at::manual_seed(13);
    for (const at::Device device : {at::Device(at::kCPU), at::Device(at::kCUDA)}) {
        if (device.is_cuda() && !at::hasCUDA()) continue;
        for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
            if (device.is_cuda() && type == at::kFloat) continue;
            const WindowGrid grid = {3, 5};
            for (const Case& c : {Case{grid, 1, 4, 11, 100, type}, Case{grid, 3, 3, 3, 50, type},
                                  Case{grid, 1, 4, 3, 100000, type}, Case{grid, 3, 3, 11, 0, type},
                                  Case{{6, 11}, 1, 4, 11, 7919, type}}) {
                DraftMaskInput input = integer_input(c);
                input.q_mean = input.q_mean.to(device);
                input.k_mean = input.k_mean.to(device);
                input.local_mask = input.local_mask.to(device);
                expect_fused_equals_plain(c, input);
            }
        }
    }
}

TEST(DraftMask, KeepsAllLocalWindowsWhenTheBudgetExceedsThem) {
    at::manual_seed(12);
    const Case c = {{1, 5}, 1, 4, 3, 60, at::kFloat};
    const DraftMaskInput input = integer_input(c);
    const at::Tensor local = input.local_mask.repeat({1, 4}).expand({kHeads, -1, -1});
    ASSERT_LT(local[0].sum().item<int64_t>(), c.budget + 1);
    EXPECT_TRUE(at::equal(draft_mask(input).blocks, local));
}

TEST(DraftMask, LocalAreaIsNotClampedAndEvenRangesAreAsymmetric) {
    for (const WindowGrid& grid : {WindowGrid{1, 1}, WindowGrid{5, 7}, WindowGrid{12, 3}})
        for (const int64_t range : {1, 2, 3, 4, 9, 11}) {
            const at::Tensor mask = local_windows(grid, range);
            const auto local_mask = mask.accessor<bool, 2>();
            for (int64_t q = 0; q < grid.windows(); ++q)
                for (int64_t k = 0; k < grid.windows(); ++k)
                    ASSERT_EQ(local_mask[q][k], is_local(grid, range, q, k))
                        << grid.rows << "x" << grid.columns << ", range " << range;
        }
    const at::Tensor line = local_windows({1, 6}, 4)[3];
    EXPECT_TRUE(at::equal(line, at::tensor({0, 1, 1, 1, 1, 0}).to(at::kBool)));
}

// The table of docs/model.md section 7.2. Where the product is not exact, int() may cost one, as at
// 1408x2560.
TEST(DraftMask, BudgetsAndLocalSharesAreThoseOfTheTable) {
    struct Row {
        int64_t height, width, budget;
        double range_11, range_9;
    };
    for (const Row& row :
         {Row{512, 512, 1919, 1, 1}, Row{768, 1280, 7199, .800, .661},
          Row{768, 1408, 7919, .752, .617}, Row{1024, 1024, 7679, .821, .660},
          Row{1024, 1920, 14399, .544, .415}, Row{1152, 2048, 17279, .486, .365},
          Row{1408, 2560, 26398, .357, .261}, Row{2048, 3840, 57599, .190, .134}}) {
        const WindowGrid grid = WindowGrid::of_picture(row.height, row.width);
        EXPECT_EQ(draft_mask_budget(grid, 2.0), row.budget) << row.height << "x" << row.width;
        auto share = [&](int64_t range) {
            return local_windows(grid, range).to(at::kDouble).mean().item<double>();
        };
        EXPECT_NEAR(share(11), row.range_11, 6e-4) << row.height << "x" << row.width;
        EXPECT_NEAR(share(9), row.range_9, 6e-4) << row.height << "x" << row.width;
    }
    // The smallest picture and ratio still leave one block.
    EXPECT_EQ(draft_mask_budget({1, 1}, 1.5), 89);
    EXPECT_EQ(draft_mask_budget({1, 1}, 0.001), 0);
}

}  // namespace
}  // namespace flashvsr
