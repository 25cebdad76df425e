// SPDX-License-Identifier: Apache-2.0
// Rotary positions against docs/model.md sections 3.3, 4.3 and 6.3 (c), in double.
#include "models/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/norm.h"
#include "tests/models/support.h"

namespace flashvsr {
namespace {

constexpr WindowGrid kGrid = {2, 3};

// Angles of the tokens (frame, row, column): 22 of time, 21 of row, 21 of column.
at::Tensor angles(int64_t first_latent, int64_t frames) {
    at::Tensor table = at::empty({frames, 16, 24, 64}, at::kDouble);
    auto out = table.accessor<double, 4>();
    for (int64_t t = 0; t < frames; ++t)
        for (int64_t row = 0; row < 16; ++row)
            for (int64_t column = 0; column < 24; ++column)
                for (int j = 0; j < 64; ++j) {
                    const int size = j < 22 ? 44 : 42;
                    const int pair = j < 22 ? j : (j - 22) % 21;
                    const int64_t position = j < 22 ? first_latent + t : j < 43 ? row : column;
                    out[t][row][column][j] =
                        static_cast<double>(position) * std::pow(10000.0, -2.0 * pair / size);
                }
    return table.view({-1, 64});
}

// Also beyond the 1024 rows of the reference's table (docs/model.md section 15, trap 14), and after
// weeks of video.
TEST(Rope, IsTheFormulaAtAnyPosition) {
    const Rope rope(kGrid, Placement{});
    for (const int64_t first : {int64_t{0}, int64_t{1022}, int64_t{1'000'000}}) {
        const at::Tensor table =
            rope.table(first, 3).index_select(0, testing::raster_index(kGrid, 6));
        const at::Tensor expected = angles(first, 6);
        ASSERT_EQ(table.sizes(), (std::vector<int64_t>{6 * 16 * 24, 64, 2}));
        EXPECT_LT((table.select(2, 0) - at::cos(expected)).abs().max().item<double>(), 1e-7);
        EXPECT_LT((table.select(2, 1) - at::sin(expected)).abs().max().item<double>(), 1e-7);
    }
}

// docs/model.md section 15, trap 5: pair j of each head is the elements 2j and 2j + 1, as a complex
// number.
TEST(Rope, TurnsAdjacentPairsOfEveryHeadAlike) {
    at::manual_seed(1);
    const at::Tensor x = at::randn({50, 256});
    const at::Tensor weight = at::ones({256});
    const at::Tensor phase = at::randn({50, 64}, at::kDouble) * 10;
    const at::Tensor out = at::full_like(x, std::nan(""));
    rms_norm_rope_out(out, x, weight, at::stack({phase.cos(), phase.sin()}, 2).to(at::kFloat));
    const at::Tensor normed = rms_norm(x, weight).to(at::kDouble);
    at::Tensor expected = at::empty_like(normed);
    for (int64_t head = 0; head < 2; ++head)
        for (int64_t j = 0; j < 64; ++j) {
            const int64_t even = head * 128 + 2 * j;
            const at::Tensor a = normed.select(1, even), b = normed.select(1, even + 1);
            const at::Tensor cosine = phase.select(1, j).cos(), sine = phase.select(1, j).sin();
            expected.select(1, even).copy_(a * cosine - b * sine);
            expected.select(1, even + 1).copy_(a * sine + b * cosine);
        }
    EXPECT_LT(testing::relative_l2(out, expected), 1e-6);
}

// Only distances count, so a stream may begin anywhere.
TEST(Rope, ScoresDoNotChangeWhenTheStreamIsShifted) {
    at::manual_seed(2);
    const Rope rope(kGrid, Placement{});
    const int64_t tokens = kGrid.tokens();
    const at::Tensor q = at::randn({tokens, 128}), k = at::randn({4 * tokens, 128});
    auto scores = [&](int64_t first_latent) {
        const at::Tensor turned_q = at::empty_like(q), turned_k = at::empty_like(k);
        const at::Tensor ones = at::ones({128});
        rms_norm_rope_out(turned_q, q, ones, rope.table(first_latent + 6, 1));
        rms_norm_rope_out(turned_k, k, ones, rope.table(first_latent, 4));
        return at::matmul(turned_q.to(at::kDouble), turned_k.to(at::kDouble).t());
    };
    const at::Tensor base = scores(6);
    EXPECT_LT(testing::relative_l2(scores(6 + 1200), base), 1e-6);
    EXPECT_LT(testing::relative_l2(scores(6 + 1'000'000), base), 1e-6);
}

}  // namespace
}  // namespace flashvsr
