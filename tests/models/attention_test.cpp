// SPDX-License-Identifier: Apache-2.0
// Attention against softmax(q k^T / sqrt(128)) v in double (docs/model.md sections 6.3 and 7.3).
#include "models/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "models/window.h"
#include "tests/models/support.h"

namespace flashvsr {
namespace {

using testing::relative_l2;

constexpr int64_t kHeads = 2;
constexpr int64_t kDim = kHeads * kHeadDim;

// One head; q [n, 128], k, v [m, 128], mask [n, m]; a row without keys gives zeros.
at::Tensor masked_softmax_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                    const at::Tensor& mask) {
    const at::Tensor scores =
        at::matmul(q.to(at::kDouble), k.to(at::kDouble).t()) / std::sqrt(128.0);
    const at::Tensor weights =
        at::softmax(
            scores.masked_fill(mask.logical_not(), -std::numeric_limits<double>::infinity()), 1)
            .masked_fill(mask.any(1, true).logical_not(), 0.0);
    return at::matmul(weights, v.to(at::kDouble));
}

TEST(Attention, OverListedWindowsIsExactAndEmptyRowsAreZero) {
    at::manual_seed(21);
    const at::Tensor mask = at::rand({kHeads, 4, 7}) < 0.5;
    mask[0][2].fill_(false);
    mask[1][0].fill_(false);
    mask[1][3].fill_(true);
    const at::Tensor q = at::randn({4 * kWindowTokens, kDim});
    const at::Tensor k = at::randn({7 * kWindowTokens, kDim});
    const at::Tensor v = at::randn({7 * kWindowTokens, kDim});
    const at::Tensor out = block_sparse_attention(q, k, v, block_lists(mask));
    for (int64_t head = 0; head < kHeads; ++head) {
        auto part = [&](const at::Tensor& x) { return x.narrow(1, head * kHeadDim, kHeadDim); };
        const at::Tensor dense =
            mask[head].repeat_interleave(kWindowTokens, 0).repeat_interleave(kWindowTokens, 1);
        EXPECT_LT(
            relative_l2(part(out), masked_softmax_attention(part(q), part(k), part(v), dense)),
            1e-6);
    }
    auto row = [&](int64_t head, int64_t window) {
        return out.narrow(0, window * kWindowTokens, kWindowTokens)
            .narrow(1, head * kHeadDim, kHeadDim);
    };
    EXPECT_EQ(row(0, 2).abs().max().item<float>(), 0.0F);
    EXPECT_EQ(row(1, 0).abs().max().item<float>(), 0.0F);
}

// No padding mask: all positions of the prompt count.
TEST(Attention, OverThePromptIsDense) {
    at::manual_seed(22);
    const at::Tensor q = at::randn({300, kDim});
    const at::Tensor k = at::randn({1, kHeads, 17, kHeadDim});
    const at::Tensor v = at::randn({1, kHeads, 17, kHeadDim});
    const at::Tensor out = prompt_attention(q, k, v);
    const at::Tensor all = at::ones({300, 17}, at::kBool);
    for (int64_t head = 0; head < kHeads; ++head) {
        auto part = [&](const at::Tensor& x) { return x.narrow(1, head * kHeadDim, kHeadDim); };
        EXPECT_LT(
            relative_l2(part(out), masked_softmax_attention(part(q), k[0][head], v[0][head], all)),
            1e-6);
    }
}

}  // namespace
}  // namespace flashvsr
