// SPDX-License-Identifier: Apache-2.0
#include "core/memory_estimate.h"

#include <algorithm>
#include <cstdio>

#include "core/frame_io.h"
#include "core/schedule.h"
#include "models/kv_pass.h"
#include "models/tiling/tiled_decoder.h"

namespace flashvsr {
namespace {

constexpr int64_t kFp32 = 4;
constexpr int64_t kOutputFrames = kFirstOutput + kChunk;

// Sums what the modules say of themselves; each says it beside the code that allocates it.
class Estimate {
  public:
    explicit Estimate(const MemoryQuery& query)
        : q_(query),
          element_(query.placement.element_bytes()),
          grid_{windows_over(query.output.height), windows_over(query.output.width)},
          format_{Dit::e4m3_caches(query.shape.dit, query.placement), query.shape.dit.dim,
                  query.storage} {}

    MemoryEstimate run() {
        MemoryEstimate e;
        e.weights = weights();
        e.host = frames_on_host();
        int64_t networks = 0;  // the largest of a tile's
        for (const WindowGrid& tile : dit_tiles()) {
            const KvCache::Bytes cache = KvCache::bytes(tile, format_, q_.kept, q_.placement);
            e.kv_cache += cache.device;
            e.host += cache.host;
            e.state += tile_state(tile);
            networks = std::max(networks, std::max(projector(tile), transformer(tile)));
        }
        e.state += decoder_state();
        e.frames = frames();
        e.activations = latents() + std::max({networks, decoder(), color_fix()});
        // What the allocator holds beyond what tensors do, as measured.
        e.reserve = q_.placement.device.is_cuda() ? kLibraryBytes + e.activations / 8 : 0;
        return e;
    }

  private:
    std::vector<WindowGrid> dit_tiles() const {
        if (!q_.tiling.dit) return {grid_};
        auto spans = [&](int64_t size) { return spread(size, q_.tiling.size, q_.tiling.overlap); };
        std::vector<WindowGrid> tiles;
        for (const Tile& tile : tiles_of(spans(grid_.rows), spans(grid_.columns)))
            tiles.push_back({tile.rows.size(), tile.columns.size()});
        return tiles;
    }

    int64_t weights() const {
        const int64_t small = Dit::e4m3_weights(q_.shape.dit, q_.placement);
        return (q_.parameters - small) * element_ + small;
    }

    int64_t tile_state(const WindowGrid& tile) const {
        return Dit::state_bytes(tile) +
               LqProjector::state_elements(q_.shape.projector, q_.version, tile) * element_;
    }

    // What lives as long as a chunk: noise, velocity and latents.
    int64_t latents() const {
        return 3 * q_.shape.dit.latent_channels * kFirstLatents * pixels() / 64 * element_;
    }

    int64_t projector(const WindowGrid& tile) const {
        const auto& config = q_.shape.projector;
        return (LqProjector::working_elements(config, tile, q_.placement.fused()) +
                LqProjector::token_elements(config, tile)) *
               element_;
    }

    int64_t transformer(const WindowGrid& tile) const {
        return LqProjector::token_elements(q_.shape.projector, tile) * element_ +
               Dit::working_bytes(q_.shape.dit, q_.placement, tile) +
               KvPass::bytes(tile, format_, q_.kept, q_.placement);
    }

    DecoderElements decoder_elements() const {
        return flashvsr::decoder_elements(*q_.decoder_type, q_.shape.decoder, q_.shape.vae_width,
                                          q_.placement.fused());
    }
    SeenPixels seen_by_decoder() const {
        if (!q_.tiling.vae) return {pixels(), pixels()};
        return seen_in_tiles(grid_, q_.halo, q_.tiling.size, q_.tiling.overlap);
    }

    int64_t decoder_state() const {
        return bytes_of(decoder_elements().state, seen_by_decoder().sum);
    }

    int64_t decoder() const {
        const int64_t seen = seen_by_decoder().largest;
        // A tile's frames are copied into the picture's; a VAE's are in fp32, and clamped ones too.
        const int64_t frames = 3 * kFirstOutput * (pixels() + (seen < pixels() ? seen : 0));
        return frames * (q_.decoder_type->is_vae() ? 2 * kFp32 : element_) +
               bytes_of(decoder_elements().working, seen);
    }

    // The wavelet's bands are whole pictures in fp32.
    int64_t color_fix() const {
        return q_.wavelet ? 3 * kFirstOutput * pixels() * (element_ + 5 * kFp32) : 0;
    }

    // The first chunk's resized ones and those that a recorded chunk reads; output frames of the
    // first chunk and the one after it; one that has arrived.
    int64_t frames() const {
        const int64_t resized = (kFirstInput + kLaterInput) * 3 * pixels() * element_;
        const bool alpha = has_alpha(q_.input.format) && has_alpha(q_.output.format);
        const int64_t plane = int64_t{q_.output.height} * q_.output.width;
        return resized + (alpha ? kFirstInput * plane * kFp32 : 0) + frame_bytes(q_.input) +
               kOutputFrames * frame_bytes(q_.output);
    }

    int64_t frames_on_host() const {
        if (!q_.placement.device.is_cuda()) return 0;
        return (q_.input.memory == FLASHVSR_MEMORY_HOST ? kChunk * frame_bytes(q_.input) : 0) +
               (q_.output.memory == FLASHVSR_MEMORY_HOST ? kOutputFrames * frame_bytes(q_.output)
                                                         : 0);
    }

    int64_t pixels() const { return grid_.height() * grid_.width(); }

    int64_t bytes_of(double elements, int64_t pixels) const {
        return static_cast<int64_t>(elements * static_cast<double>(pixels * element_));
    }

    const MemoryQuery& q_;
    int64_t element_;
    WindowGrid grid_;  // of the picture
    KvCache::Format format_;
};

}  // namespace

MemoryEstimate estimate_memory(const MemoryQuery& query) { return Estimate(query).run(); }

MemoryQuery memory_query(const Model& model, const FlashvsrFrameInfo& input,
                         const FlashvsrFrameInfo& output) {
    MemoryQuery query;
    query.shape = model.shape;
    query.version = model.version;
    query.decoder_type = model.decoder_type;
    query.halo = model.decoder->halo();
    query.parameters = model.parameters();
    query.placement = model.placement;
    query.input = input;
    query.output = output;
    return query;
}

std::string in_gib(int64_t bytes) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.1f GiB", static_cast<double>(bytes) / (1 << 30));
    return text;
}

}  // namespace flashvsr
