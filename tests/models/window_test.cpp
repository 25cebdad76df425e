// SPDX-License-Identifier: Apache-2.0
// The order of tokens in attention windows (docs/model.md section 7.1).
#include "models/window.h"

#include <gtest/gtest.h>

#include "tests/models/support.h"

namespace flashvsr {
namespace {

TEST(Window, OrderIsSliceWindowRowWindowColumnFrameRowColumn) {
    const WindowGrid grid = WindowGrid::of_picture(256, 384);
    const at::Tensor raster = at::arange(4 * 16 * 24 * 2).view({4, 16, 24, 2});
    const at::Tensor ordered = to_window_order(raster, grid);
    EXPECT_TRUE(
        at::equal(ordered.index_select(0, testing::raster_index(grid, 4)), raster.view({-1, 2})));
    EXPECT_TRUE(at::equal(from_window_order(ordered, grid), raster));
}

}  // namespace
}  // namespace flashvsr
