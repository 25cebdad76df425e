// SPDX-License-Identifier: Apache-2.0
#include "models/rope.h"

#include <cmath>

namespace flashvsr {
namespace {

constexpr int64_t kTimePairs = 22;
constexpr int64_t kRowPairs = 21;
constexpr int64_t kColumnPairs = 21;

}  // namespace

at::Tensor rope_angles(int64_t first, int64_t count, int64_t pairs) {
    at::Tensor angles = at::empty({count, pairs, 2}, at::kFloat);
    auto out = angles.accessor<float, 3>();
    for (int64_t i = 0; i < count; ++i) {
        for (int64_t j = 0; j < pairs; ++j) {
            const double theta = std::pow(10000.0, -static_cast<double>(j) / pairs);
            const double angle = static_cast<double>(first + i) * theta;
            out[i][j][0] = static_cast<float>(std::cos(angle));
            out[i][j][1] = static_cast<float>(std::sin(angle));
        }
    }
    return angles;
}

Rope::Rope(const WindowGrid& grid, const Placement& placement) : grid_(grid) {
    const int64_t h = grid.token_rows();
    const int64_t w = grid.token_columns();
    const at::Tensor row = rope_angles(0, h, kRowPairs)
                               .view({1, h, 1, kRowPairs * 2})
                               .expand({kWindowFrames, h, w, kRowPairs * 2});
    const at::Tensor column = rope_angles(0, w, kColumnPairs)
                                  .view({1, 1, w, kColumnPairs * 2})
                                  .expand({kWindowFrames, h, w, kColumnPairs * 2});
    space_ = to_window_order(at::cat({row, column}, 3), grid)
                 .view({grid.windows(), kWindowFrames, kWindowSide * kWindowSide,
                        kRowPairs + kColumnPairs, 2})
                 .to(placement.fp32());
}

at::Tensor Rope::table(int64_t first_latent, int64_t slices) const {
    const int64_t frame_tokens = kWindowSide * kWindowSide;
    const at::Tensor time =
        rope_angles(first_latent, slices * kWindowFrames, kTimePairs)
            .to(space_.options(), /*non_blocking=*/true)
            .view({slices, 1, kWindowFrames, 1, kTimePairs, 2})
            .expand({slices, grid_.windows(), kWindowFrames, frame_tokens, kTimePairs, 2});
    const at::Tensor space = space_.unsqueeze(0).expand(
        {slices, grid_.windows(), kWindowFrames, frame_tokens, kRowPairs + kColumnPairs, 2});
    return at::cat({time, space}, 4).view({slices * grid_.tokens(), -1, 2});
}

}  // namespace flashvsr
