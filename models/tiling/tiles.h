// SPDX-License-Identifier: Apache-2.0
// Where the tiles of a picture lie, and the weights that blend them.
#pragma once

#include <ATen/ATen.h>

#include <vector>

namespace flashvsr {

// A stretch of rows or columns.
struct Span {
    int64_t begin = 0, end = 0;
    int64_t size() const { return end - begin; }
};

struct Tile {
    Span rows, columns;
};

// The fewest equal spans of at most `side` that cover `size` and share at least `overlap` with the
// next one, spread evenly. 0 <= overlap < side.
std::vector<Span> spread(int64_t size, int64_t side, int64_t overlap);

// Every span of rows with every span of columns, row by row.
std::vector<Tile> tiles_of(const std::vector<Span>& rows, const std::vector<Span>& columns);

// The part of x, [., ., rows * scale, columns * scale], that the tile covers. A view.
at::Tensor crop(const at::Tensor& x, const Tile& tile, int64_t scale);

// For each of tiles_of(rows, columns), [its rows * scale, its columns * scale], fp32: linear ramps
// over what it shares with its neighbours, none at the picture's own borders. At each place they
// sum to 1.
std::vector<at::Tensor> blend_weights(const std::vector<Span>& rows,
                                      const std::vector<Span>& columns, int64_t scale,
                                      const at::Device& device);

}  // namespace flashvsr
