// SPDX-License-Identifier: Apache-2.0
#include "core/networks.h"

#include <algorithm>

#include "models/tiling/tiled_decoder.h"

namespace flashvsr {

Networks::Networks(const Model& model, const WindowGrid& grid, const Tiling& tiling,
                   KvStorage storage)
    : model_(model), grid_(grid), storage_(storage) {
    auto spans = [&](int64_t size) {
        return tiling.dit ? spread(size, tiling.size, tiling.overlap)
                          : std::vector<Span>{{0, size}};
    };
    tiles_ = tiles_of(spans(grid.rows), spans(grid.columns));
    weights_ = blend_weights(spans(grid.rows), spans(grid.columns), kWindowLatents,
                             model.placement.device);
    if (tiling.vae && std::max(grid.rows, grid.columns) > tiling.size)
        decoder_ =
            in_tiles(*model.decoder, tiling.size * kWindowLatents, tiling.overlap * kWindowLatents);
}

// Plain modules, which stand in for fused ones at some shapes, allocate state as they go.
bool Networks::recordable() const {
    return model_.placement.fused() && model_.projector->in_place() && decoder().in_place();
}

NetworkState::NetworkState(const Networks& networks, const SparseSettings& settings) {
    for (const Tile& tile : networks.tiles())
        tiles.push_back({{},
                         Dit::State(networks.model().dit, {tile.rows.size(), tile.columns.size()},
                                    settings, networks.storage())});
}

}  // namespace flashvsr
