// A decoder that takes the picture tile by tile, for less memory.
#pragma once

#include <array>
#include <memory>

#include "models/decoder.h"

namespace flashvsr {

// Overlapping tiles, each with its own memory over time, blended by ramps on the sides that are not
// the picture's. A decoder whose pixels depend on the whole picture, such as WanDecoder with its
// attention, gives another picture this way (spec/flashvsr.md section 9, "Tiled decode"; here the
// sums are in fp32).
class TiledDecoder : public Decoder {
  public:
    // tile, stride: rows and columns in latents, 0 < stride <= tile.
    TiledDecoder(std::shared_ptr<const Decoder> decoder, std::array<int64_t, 2> tile,
                 std::array<int64_t, 2> stride);

    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override;
    bool clamps() const override { return decoder_->clamps(); }
    int64_t parameters() const override { return decoder_->parameters(); }

  private:
    // A stretch of rows or columns.
    struct Span {
        int64_t begin = 0, end = 0;
    };
    static std::vector<Span> spans(int64_t size, int64_t tile, int64_t stride);
    // [pixels of the span]: 1, and ramps of `blend` pixels on inner sides.
    static at::Tensor ramp(const Span& span, int64_t size, int64_t blend,
                           const at::TensorOptions& options);

    std::shared_ptr<const Decoder> decoder_;
    std::array<int64_t, 2> tile_;
    std::array<int64_t, 2> stride_;
};

}  // namespace flashvsr
