// SPDX-License-Identifier: Apache-2.0
// The networks as one stream uses them, on the whole picture or in tiles, and what of them crosses
// chunks.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "models/model.h"
#include "models/tiling/tiles.h"

namespace flashvsr {

// See FlashvsrTiling. In windows of 128 output pixels; overlap < size.
struct Tiling {
    bool dit = false;
    bool vae = false;
    int64_t size = 2;
    int64_t overlap = 1;
};

class Networks {
  public:
    // The whole picture at once. `model` must outlive this.
    Networks(const Model& model, const WindowGrid& grid) : Networks(model, grid, Tiling()) {}
    Networks(const Model& model, const WindowGrid& grid, const Tiling& tiling,
             KvStorage storage = KvStorage::kDevice);

    const Model& model() const { return model_; }
    const WindowGrid& grid() const { return grid_; }  // of the picture
    KvStorage storage() const { return storage_; }
    const Decoder& decoder() const { return decoder_ ? *decoder_ : *model_.decoder; }

    // Tiles of the projector and the transformer, in windows; the whole picture may be one.
    const std::vector<Tile>& tiles() const { return tiles_; }
    // For each tile, [its rows * 16, its columns * 16], fp32: what its latents count for where
    // tiles overlap.
    const std::vector<at::Tensor>& weights() const { return weights_; }

    // Whether a chunk's work, all state there, can be recorded; see GraphRecorder.
    bool recordable() const;

  private:
    const Model& model_;
    WindowGrid grid_;
    KvStorage storage_;
    std::unique_ptr<const Decoder> decoder_;  // null: the model's own
    std::vector<Tile> tiles_;
    std::vector<at::Tensor> weights_;
};

// What of one tile crosses chunks.
struct TileState {
    Projector::State projector;
    Dit::State dit;
};

struct NetworkState {
    NetworkState(const Networks& networks, const SparseSettings& settings);

    // Latent frame, over the stream, at which the next chunk begins.
    int64_t next_latent() const { return tiles.front().dit.next_latent; }

    std::vector<TileState> tiles;  // as in Networks; they are always at the same step
    Decoder::State decoder;
};

}  // namespace flashvsr
