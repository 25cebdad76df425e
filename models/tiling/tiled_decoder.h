// SPDX-License-Identifier: Apache-2.0
// Decoders that take the picture tile by tile, for less memory. Each tile has its own state.
#pragma once

#include <array>
#include <memory>

#include "models/decoder.h"
#include "models/tiling/tiles.h"
#include "models/window.h"

namespace flashvsr {

// Tiles that see so much around them that the frames are those of the whole picture. For decoders
// that have a halo.
class HaloDecoder : public Decoder {
  public:
    // side: largest side of what a tile contributes, in latents, a multiple of 16. `decoder` must
    // outlive this.
    HaloDecoder(const Decoder& decoder, int64_t side);

    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override;
    bool in_place() const override { return decoder_.in_place(); }
    bool clamps() const override { return decoder_.clamps(); }
    std::optional<int64_t> halo() const override { return halo_; }
    int64_t parameters() const override { return decoder_.parameters(); }

  private:
    const Decoder& decoder_;
    int64_t side_, halo_;
};

// Overlapping tiles, blended by ramps on the sides that are not the picture's. A decoder whose
// pixels depend on the whole picture, such as WanDecoder with its attention, gives another picture
// this way (docs/model.md section 9.4; here the sums are in fp32).
class TiledDecoder : public Decoder {
  public:
    // tile, stride: rows and columns in latents, 0 < stride <= tile. `decoder` must outlive this.
    TiledDecoder(const Decoder& decoder, std::array<int64_t, 2> tile,
                 std::array<int64_t, 2> stride);

    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override;
    bool in_place() const override { return decoder_.in_place(); }
    bool clamps() const override { return decoder_.clamps(); }
    std::optional<int64_t> halo() const override { return {}; }
    int64_t parameters() const override { return decoder_.parameters(); }

  private:
    static std::vector<Span> spans(int64_t size, int64_t tile, int64_t stride);
    // [pixels of the span]: 1, and ramps of `blend` pixels on inner sides.
    static at::Tensor ramp(const Span& span, int64_t size, int64_t blend,
                           const at::TensorOptions& options);

    const Decoder& decoder_;
    std::array<int64_t, 2> tile_;
    std::array<int64_t, 2> stride_;
};

// Pixels that a decoder in_tiles() sees at once at most, and in all its tiles; the picture's where
// that is one tile. side, overlap: windows; halo: the decoder's.
struct SeenPixels {
    int64_t largest = 0, sum = 0;
};
SeenPixels seen_in_tiles(const WindowGrid& grid, const std::optional<int64_t>& halo, int64_t side,
                         int64_t overlap);

// The one that fits the decoder, for square tiles. side, overlap: latents, multiples of 16;
// overlap, of which exact tiles have no need, is less than side.
std::unique_ptr<const Decoder> in_tiles(const Decoder& decoder, int64_t side, int64_t overlap);

}  // namespace flashvsr
