// SPDX-License-Identifier: Apache-2.0
// Attention windows: 2 latent frames x 8 x 8 tokens (docs/model.md section 7.1). From patch
// embedding to head all tokens are kept in window order: (slice, window row, window column, frame,
// row, column). A slice is the two latent frames that one layer of windows covers.
#pragma once

#include <ATen/ATen.h>

namespace flashvsr {

inline constexpr int64_t kWindowFrames = 2;
inline constexpr int64_t kWindowSide = 8;
inline constexpr int64_t kWindowTokens = kWindowFrames * kWindowSide * kWindowSide;
inline constexpr int64_t kWindowPixels = 128;  // 8 tokens of 16 pixels
// Windows that cover so many pixels, the last one perhaps in part.
constexpr int64_t windows_over(int64_t pixels) {
    return (pixels + kWindowPixels - 1) / kWindowPixels;
}
inline constexpr int64_t kWindowLatents = 16;  // of 8 pixels
// Slices of a stream's first step; a later one has one (docs/model.md section 3).
inline constexpr int64_t kFirstSlices = 3;

struct WindowGrid {
    int64_t rows = 0;
    int64_t columns = 0;

    // height, width: output pixels, multiples of 128.
    static WindowGrid of_picture(int64_t height, int64_t width) {
        return {height / kWindowPixels, width / kWindowPixels};
    }
    int64_t windows() const { return rows * columns; }            // of one slice
    int64_t tokens() const { return windows() * kWindowTokens; }  // of one slice
    int64_t token_rows() const { return rows * kWindowSide; }
    int64_t token_columns() const { return columns * kWindowSide; }
    int64_t height() const { return rows * kWindowPixels; }  // pixels
    int64_t width() const { return columns * kWindowPixels; }
    bool operator==(const WindowGrid& other) const {
        return rows == other.rows && columns == other.columns;
    }
};

// [f, token rows, token columns, C] -> [f/2 * tokens, C], contiguous.
inline at::Tensor to_window_order(const at::Tensor& x, const WindowGrid& grid) {
    return x.view({-1, kWindowFrames, grid.rows, kWindowSide, grid.columns, kWindowSide, x.size(3)})
        .permute({0, 2, 4, 1, 3, 5, 6})
        .reshape({-1, x.size(3)});
}

// The inverse: [f/2 * tokens, C] -> [f, token rows, token columns, C].
inline at::Tensor from_window_order(const at::Tensor& x, const WindowGrid& grid) {
    return x.view({-1, grid.rows, grid.columns, kWindowFrames, kWindowSide, kWindowSide, x.size(1)})
        .permute({0, 3, 1, 4, 2, 5, 6})
        .reshape({-1, grid.token_rows(), grid.token_columns(), x.size(1)});
}

}  // namespace flashvsr
