#include "models/tiled_decoder.h"

#include <algorithm>

namespace flashvsr {
namespace {

constexpr int64_t kLatentSide = 8;  // pixels

}  // namespace

TiledDecoder::TiledDecoder(std::shared_ptr<const Decoder> decoder, std::array<int64_t, 2> tile,
                           std::array<int64_t, 2> stride)
    : decoder_(std::move(decoder)), tile_(tile), stride_(stride) {
    for (int axis = 0; axis < 2; ++axis)
        TORCH_CHECK(stride_[axis] > 0 && stride_[axis] <= tile_[axis],
                    "a tile's stride must lie within 1 and its size");
}

// A start whose predecessor reaches the end already is left out.
std::vector<TiledDecoder::Span> TiledDecoder::spans(int64_t size, int64_t tile, int64_t stride) {
    std::vector<Span> spans;
    for (int64_t begin = 0; begin < size && (spans.empty() || spans.back().end < size);
         begin += stride)
        spans.push_back({begin, std::min(begin + tile, size)});
    return spans;
}

at::Tensor TiledDecoder::ramp(const Span& span, int64_t size, int64_t blend,
                              const at::TensorOptions& options) {
    at::Tensor weight = at::ones({(span.end - span.begin) * kLatentSide}, options);
    const int64_t length = std::min(blend, weight.size(0));
    const at::Tensor rise = at::arange(1, length + 1, options) / static_cast<double>(blend);
    if (span.begin > 0) weight.narrow(0, 0, length).copy_(rise);
    if (span.end < size) weight.narrow(0, weight.size(0) - length, length).copy_(rise.flip({0}));
    return weight;
}

at::Tensor TiledDecoder::decode(const at::Tensor& latents, const at::Tensor& condition,
                                State& state) const {
    const auto rows = spans(latents.size(2), tile_[0], stride_[0]);
    const auto columns = spans(latents.size(3), tile_[1], stride_[1]);
    const auto options = condition.options().dtype(at::kFloat);
    at::Tensor sum = at::zeros(condition.sizes(), options);
    at::Tensor weights = at::zeros({condition.size(2), condition.size(3)}, options);
    const bool first = state.memory.empty();
    const size_t slots = state.memory.size() / (rows.size() * columns.size());
    std::vector<at::Tensor> memory;
    auto inside = [](const at::Tensor& x, const Span& row, const Span& column, int64_t scale) {
        return x.narrow(2, row.begin * scale, (row.end - row.begin) * scale)
            .narrow(3, column.begin * scale, (column.end - column.begin) * scale);
    };
    size_t index = 0;
    for (const Span& row : rows) {
        for (const Span& column : columns) {
            State own;
            if (!first)
                own.memory.assign(
                    state.memory.begin() + static_cast<std::ptrdiff_t>(index * slots),
                    state.memory.begin() + static_cast<std::ptrdiff_t>((index + 1) * slots));
            ++index;
            const at::Tensor frames = decoder_->decode(
                inside(latents, row, column, 1), inside(condition, row, column, kLatentSide), own);
            memory.insert(memory.end(), own.memory.begin(), own.memory.end());
            const at::Tensor weight = at::minimum(
                ramp(row, latents.size(2), (tile_[0] - stride_[0]) * kLatentSide, options)
                    .unsqueeze(1),
                ramp(column, latents.size(3), (tile_[1] - stride_[1]) * kLatentSide, options)
                    .unsqueeze(0));
            inside(sum, row, column, kLatentSide).add_(frames * weight);
            weights.narrow(0, row.begin * kLatentSide, weight.size(0))
                .narrow(1, column.begin * kLatentSide, weight.size(1))
                .add_(weight);
        }
    }
    state.memory = std::move(memory);
    return sum / weights;
}

}  // namespace flashvsr
