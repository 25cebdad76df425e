// SPDX-License-Identifier: Apache-2.0
// What the network tests share: weights that a test knows, token order, comparison.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <string>

#include "models/checkpoint/tensor_map.h"
#include "models/manifest.h"
#include "models/window.h"

namespace flashvsr::testing {

// A fixture's first member: what is drawn for the others does not depend on the tests before.
struct Seed {
    explicit Seed(uint64_t seed) { at::manual_seed(seed); }
};

// Every tensor of a network, drawn from the global generator: norms near 1, biases and modulations
// large enough to matter, weights that keep the scale of what passes through.
inline TensorMap random_tensors(const Manifest& manifest) {
    auto has = [](const std::string& name, const char* part) {
        return name.find(part) != std::string::npos;
    };
    TensorMap tensors;
    for (const auto& [name, shape] : manifest) {
        at::Tensor tensor = at::randn(shape);
        if (has(name, "norm") && !has(name, "bias"))
            tensor = tensor * 0.1 + 1;
        else if (shape.size() == 1 || has(name, "modulation"))
            tensor = tensor * 0.3;
        else
            tensor = tensor / std::sqrt(tensor[0].numel());
        tensors[name] = tensor;
    }
    return tensors;
}

inline TensorMap in_double(TensorMap tensors) {
    for (auto& [name, tensor] : tensors) tensor = tensor.to(at::kDouble);
    return tensors;
}

// Random pictures in [-1, 1]: [frames, 3, height, width].
inline at::Tensor random_frames(int64_t frames, int64_t height, int64_t width) {
    return at::rand({frames, 3, height, width}) * 2 - 1;
}

// Moves each block of rows x columns pixels into channels: x [T, C, H, W] gives
// [T, C * rows * columns, H / rows, W / columns], channel = (c * rows + dy) * columns + dx.
inline at::Tensor blocks_to_channels(const at::Tensor& x, int64_t side) {
    std::vector<at::Tensor> channels;
    for (int64_t c = 0; c < x.size(1); ++c)
        for (int64_t dy = 0; dy < side; ++dy)
            for (int64_t dx = 0; dx < side; ++dx)
                channels.push_back(
                    x.select(1, c).slice(1, dy, x.size(2), side).slice(2, dx, x.size(3), side));
    return at::stack(channels, 1);
}

// docs/model.md section 7.1: where the token (frame, row, column) lies in window order. Rows of a
// tensor in window order, selected by this index, come in the order (frame, row, column).
inline at::Tensor raster_index(const WindowGrid& grid, int64_t frames) {
    std::vector<int64_t> index;
    for (int64_t frame = 0; frame < frames; ++frame)
        for (int64_t row = 0; row < grid.rows * 8; ++row)
            for (int64_t column = 0; column < grid.columns * 8; ++column) {
                const int64_t window =
                    (frame / 2 * grid.rows + row / 8) * grid.columns + column / 8;
                index.push_back(((window * 2 + frame % 2) * 8 + row % 8) * 8 + column % 8);
            }
    return at::tensor(index, at::kLong);
}

// |actual - expected| / |expected|; NaN, which passes no limit, when the shapes differ.
inline double relative_l2(const at::Tensor& actual, const at::Tensor& expected) {
    if (actual.sizes() != expected.sizes()) return std::nan("");
    const at::Tensor wanted = expected.to(at::kDouble);
    return ((actual.to(at::kDouble) - wanted).norm() / wanted.norm()).item<double>();
}

}  // namespace flashvsr::testing
