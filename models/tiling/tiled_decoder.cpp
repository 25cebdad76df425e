// SPDX-License-Identifier: Apache-2.0
#include "models/tiling/tiled_decoder.h"

#include <algorithm>

namespace flashvsr {
namespace {

constexpr int64_t kLatentSide = 8;  // pixels

Span grown(const Span& span, int64_t by, int64_t size) {
    return {std::max<int64_t>(span.begin - by, 0), std::min(span.end + by, size)};
}

Span relative_to(const Span& origin, const Span& span) {
    return {span.begin - origin.begin, span.end - origin.begin};
}

// Contributions begin at multiples of a window, where every kind of latent and cell does.
std::vector<Span> contributions(int64_t size, int64_t side) {
    std::vector<Span> spans = spread(size / kWindowLatents, side / kWindowLatents, 0);
    for (Span& span : spans) span = {span.begin * kWindowLatents, span.end * kWindowLatents};
    return spans;
}

}  // namespace

HaloDecoder::HaloDecoder(const Decoder& decoder, int64_t side)
    : decoder_(decoder), side_(side), halo_(decoder.halo().value()) {
    TORCH_CHECK(side_ > 0 && side_ % kWindowLatents == 0, "tiles of ", side_, " latents");
}

at::Tensor HaloDecoder::decode(const at::Tensor& latents, const at::Tensor& condition,
                               State& state) const {
    const int64_t height = latents.size(2), width = latents.size(3);
    TORCH_CHECK(height % kWindowLatents == 0 && width % kWindowLatents == 0);
    const auto tiles = tiles_of(contributions(height, side_), contributions(width, side_));
    state.tiles.resize(tiles.size());
    at::Tensor frames;
    for (size_t i = 0; i < tiles.size(); ++i) {
        const Tile& tile = tiles[i];
        const Tile seen = {grown(tile.rows, halo_, height), grown(tile.columns, halo_, width)};
        const at::Tensor decoded = decoder_.decode(
            crop(latents, seen, 1), crop(condition, seen, kLatentSide), state.tiles[i]);
        if (!frames.defined()) frames = at::empty(condition.sizes(), decoded.options());
        const Tile part = {relative_to(seen.rows, tile.rows),
                           relative_to(seen.columns, tile.columns)};
        crop(frames, tile, kLatentSide).copy_(crop(decoded, part, kLatentSide));
    }
    return frames;
}

TiledDecoder::TiledDecoder(const Decoder& decoder, std::array<int64_t, 2> tile,
                           std::array<int64_t, 2> stride)
    : decoder_(decoder), tile_(tile), stride_(stride) {
    for (int axis = 0; axis < 2; ++axis)
        TORCH_CHECK(stride_[axis] > 0 && stride_[axis] <= tile_[axis],
                    "a tile's stride must lie within 1 and its size");
}

// A start whose predecessor reaches the end already is left out.
std::vector<Span> TiledDecoder::spans(int64_t size, int64_t tile, int64_t stride) {
    std::vector<Span> spans;
    for (int64_t begin = 0; begin < size && (spans.empty() || spans.back().end < size);
         begin += stride)
        spans.push_back({begin, std::min(begin + tile, size)});
    return spans;
}

at::Tensor TiledDecoder::ramp(const Span& span, int64_t size, int64_t blend,
                              const at::TensorOptions& options) {
    at::Tensor weight = at::ones({span.size() * kLatentSide}, options);
    const int64_t length = std::min(blend, weight.size(0));
    const at::Tensor rise = at::arange(1, length + 1, options) / static_cast<double>(blend);
    if (span.begin > 0) weight.narrow(0, 0, length).copy_(rise);
    if (span.end < size) weight.narrow(0, weight.size(0) - length, length).copy_(rise.flip({0}));
    return weight;
}

at::Tensor TiledDecoder::decode(const at::Tensor& latents, const at::Tensor& condition,
                                State& state) const {
    const int64_t height = latents.size(2), width = latents.size(3);
    const auto tiles =
        tiles_of(spans(height, tile_[0], stride_[0]), spans(width, tile_[1], stride_[1]));
    const auto options = condition.options().dtype(at::kFloat);
    at::Tensor sum = at::zeros(condition.sizes(), options);
    at::Tensor weights = at::zeros({1, 1, condition.size(2), condition.size(3)}, options);
    state.tiles.resize(tiles.size());
    for (size_t i = 0; i < tiles.size(); ++i) {
        const Tile& tile = tiles[i];
        const at::Tensor frames = decoder_.decode(
            crop(latents, tile, 1), crop(condition, tile, kLatentSide), state.tiles[i]);
        const at::Tensor weight = at::minimum(
            ramp(tile.rows, height, (tile_[0] - stride_[0]) * kLatentSide, options).unsqueeze(1),
            ramp(tile.columns, width, (tile_[1] - stride_[1]) * kLatentSide, options).unsqueeze(0));
        crop(sum, tile, kLatentSide).add_(frames * weight);
        crop(weights, tile, kLatentSide).add_(weight);
    }
    return sum / weights;
}

SeenPixels seen_in_tiles(const WindowGrid& grid, const std::optional<int64_t>& halo, int64_t side,
                         int64_t overlap) {
    if (std::max(grid.rows, grid.columns) <= side) {
        const int64_t pixels = grid.height() * grid.width();
        return {pixels, pixels};
    }
    const int64_t shared = halo ? 0 : overlap;
    auto pixels = [&](const Span& span, int64_t size) {
        const int64_t around = halo.value_or(0) * kLatentSide;
        return span.size() * kWindowPixels + (span.begin > 0 ? around : 0) +
               (span.end < size ? around : 0);
    };
    SeenPixels seen;
    for (const Tile& tile :
         tiles_of(spread(grid.rows, side, shared), spread(grid.columns, side, shared))) {
        const int64_t area = pixels(tile.rows, grid.rows) * pixels(tile.columns, grid.columns);
        seen.largest = std::max(seen.largest, area);
        seen.sum += area;
    }
    return seen;
}

std::unique_ptr<const Decoder> in_tiles(const Decoder& decoder, int64_t side, int64_t overlap) {
    if (decoder.halo()) return std::make_unique<HaloDecoder>(decoder, side);
    const int64_t stride = side - overlap;
    return std::make_unique<TiledDecoder>(decoder, std::array{side, side},
                                          std::array{stride, stride});
}

}  // namespace flashvsr
