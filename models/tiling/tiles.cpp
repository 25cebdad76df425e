// SPDX-License-Identifier: Apache-2.0
#include "models/tiling/tiles.h"

namespace flashvsr {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// (i + 1/2) / length: with its mirror image it sums to 1.
at::Tensor linear_ramp(int64_t length) {
    return (at::arange(length, at::kFloat) + 0.5) / static_cast<double>(length);
}

// The weights along one axis: for each span [its size * scale].
std::vector<at::Tensor> axis_weights(const std::vector<Span>& spans, int64_t scale) {
    std::vector<at::Tensor> weights;
    at::Tensor sum = at::zeros({spans.back().end * scale}, at::kFloat);
    for (size_t i = 0; i < spans.size(); ++i) {
        const int64_t size = spans[i].size() * scale;
        at::Tensor weight = at::ones({size}, at::kFloat);
        if (i > 0) {
            const int64_t shared = (spans[i - 1].end - spans[i].begin) * scale;
            weight.narrow(0, 0, shared).mul_(linear_ramp(shared));
        }
        if (i + 1 < spans.size()) {
            const int64_t shared = (spans[i].end - spans[i + 1].begin) * scale;
            weight.narrow(0, size - shared, shared).mul_(linear_ramp(shared).flip({0}));
        }
        sum.narrow(0, spans[i].begin * scale, size).add_(weight);
        weights.push_back(weight);
    }
    // Two ramps sum to 1; where an overlap of more than half a tile brings a third, divide.
    for (size_t i = 0; i < spans.size(); ++i)
        weights[i].div_(sum.narrow(0, spans[i].begin * scale, spans[i].size() * scale));
    return weights;
}

}  // namespace

std::vector<Span> spread(int64_t size, int64_t side, int64_t overlap) {
    TORCH_CHECK(overlap >= 0 && overlap < side, "tiles of ", side, " that share ", overlap);
    if (size <= side) return {{0, size}};
    const int64_t count = divide_up(size - overlap, side - overlap);
    const int64_t length = divide_up(size + (count - 1) * overlap, count);
    std::vector<Span> spans;
    for (int64_t i = 0; i < count; ++i) {
        const int64_t begin = i * (size - length) / (count - 1);
        spans.push_back({begin, begin + length});
    }
    return spans;
}

std::vector<Tile> tiles_of(const std::vector<Span>& rows, const std::vector<Span>& columns) {
    std::vector<Tile> tiles;
    for (const Span& row : rows)
        for (const Span& column : columns) tiles.push_back({row, column});
    return tiles;
}

at::Tensor crop(const at::Tensor& x, const Tile& tile, int64_t scale) {
    return x.narrow(2, tile.rows.begin * scale, tile.rows.size() * scale)
        .narrow(3, tile.columns.begin * scale, tile.columns.size() * scale);
}

std::vector<at::Tensor> blend_weights(const std::vector<Span>& rows,
                                      const std::vector<Span>& columns, int64_t scale,
                                      const at::Device& device) {
    std::vector<at::Tensor> weights;
    const auto of_rows = axis_weights(rows, scale);
    const auto of_columns = axis_weights(columns, scale);
    for (const at::Tensor& row : of_rows)
        for (const at::Tensor& column : of_columns)
            weights.push_back((row.unsqueeze(1) * column).to(device));
    return weights;
}

}  // namespace flashvsr
