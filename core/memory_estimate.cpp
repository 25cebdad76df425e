// SPDX-License-Identifier: Apache-2.0
#include "core/memory_estimate.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/frame_io.h"
#include "core/schedule.h"
#include "models/attention.h"

namespace flashvsr {
namespace {

constexpr int64_t kFp32 = 4;

// One tile of the transformer.
struct TileShape {
    int64_t windows, tokens;  // of a slice
    int64_t rows, columns;    // tokens of a frame
};

TileShape tile_shape(const WindowGrid& grid) {
    return {grid.windows(), grid.tokens(), grid.token_rows(), grid.token_columns()};
}

class Estimate {
  public:
    explicit Estimate(const MemoryQuery& query)
        : q_(query),
          element_(static_cast<int64_t>(c10::elementSize(query.placement.dtype))),
          grid_(grid_of(query.output)),
          ring_(query.kept) {}

    MemoryEstimate run() {
        MemoryEstimate e;
        e.weights = weights();
        int64_t largest = 0;
        for (const WindowGrid& tile : dit_tiles()) {
            const TileShape shape = tile_shape(tile);
            e.kv_cache += kv_cache(shape);
            e.state += dit_state(shape);
            largest = std::max(largest, std::max(projector(shape), transformer(shape)));
        }
        e.state += decoder_state();
        e.frames = frames();
        e.activations = chunk() + std::max({largest, decoder(), color_fix()});
        // What the allocator holds beyond what tensors do, as measured.
        e.reserve = q_.placement.device.is_cuda() ? kLibraryBytes + e.activations / 8 : 0;
        e.host = host();
        return e;
    }

  private:
    static WindowGrid grid_of(const FlashvsrFrameInfo& output) {
        return {windows_over(output.height), windows_over(output.width)};
    }

    std::vector<WindowGrid> dit_tiles() const {
        if (!q_.tiling.dit) return {grid_};
        std::vector<WindowGrid> tiles;
        for (const Span& rows : spread(grid_.rows, q_.tiling.size, q_.tiling.overlap))
            for (const Span& columns : spread(grid_.columns, q_.tiling.size, q_.tiling.overlap))
                tiles.push_back({rows.size(), columns.size()});
        return tiles;
    }

    bool e4m3_linears(int64_t layer) const {
        return q_.placement.fp8 != Fp8::kNone && q_.placement.fused() && layer != 0 &&
               layer != q_.shape.dit.layers - 1;
    }
    bool e4m3_cache(int64_t layer) const {
        return e4m3_linears(layer) && q_.placement.fp8 == Fp8::kAll;
    }
    bool e4m3_linears() const { return e4m3_linears(1); }
    bool e4m3_cache() const { return e4m3_cache(1); }

    // q, k, v and the feed-forward layers may be of one byte, the rest is of the run type.
    int64_t weights() const {
        const DitConfig& dit = q_.shape.dit;
        int64_t small = 0;
        for (int64_t i = 0; i < dit.layers; ++i)
            if (e4m3_linears(i)) small += 3 * dit.dim * dit.dim + 2 * dit.dim * dit.ffn_dim;
        return (q_.parameters - small) * element_ + small;
    }

    // As KvCache allocates it.
    int64_t kv_cache(const TileShape& tile) const {
        const int64_t dim = q_.shape.dit.dim;
        int64_t bytes = 0;
        for (int64_t i = 0; i < q_.shape.dit.layers; ++i) {
            bytes += ring_.capacity() * tile.windows * dim * element_;  // means of k
            if (keeps_on_host(q_.storage)) continue;
            const int64_t element = e4m3_cache(i) ? 1 : element_;
            bytes += keeps_int8(q_.storage) && !e4m3_cache(i)
                         ? int8_slices(tile, KvCache::place_count(ring_))
                         : 2 * ring_.capacity() * tile.tokens * dim * element;
        }
        return bytes;
    }

    // Keys and values of so many slices, with their scales.
    int64_t int8_slices(const TileShape& tile, int64_t slices) const {
        return 2 * slices *
               (tile.tokens * q_.shape.dit.dim +
                tile.windows * q_.shape.dit.dim / kHeadDim * kFp32);
    }

    // Tables of the rotary embedding, the projector's past (version 1.1).
    int64_t dit_state(const TileShape& tile) const {
        const int64_t rope = (kFirstSlices + 1) * tile.tokens * kHeadDim * kFp32;
        const int64_t past = q_.version == ModelVersion::k1
                                 ? 0
                                 : 2 * tile.rows * tile.columns *
                                       (kCellChannels + q_.shape.projector.hidden1) * element_;
        return rope + past;
    }

    // ---- activations ----

    // What lives as long as a chunk: noise, velocity and latents; a recorded chunk's frames.
    int64_t chunk() const {
        const int64_t latents =
            q_.shape.dit.latent_channels * 2 * kFirstSlices * pixels() / 64 * element_;
        return 3 * latents;
    }

    // Eight frames at a time (models/fused/lq_projector.cpp). LibTorch's operations take them all
    // and stack and pad them in copies.
    int64_t projector(const TileShape& tile) const {
        const auto& c = q_.shape.projector;
        const int64_t area = tile.rows * tile.columns;
        const int64_t padded = (tile.rows + 2) * (tile.columns + 2);
        const int64_t parts = q_.placement.fused() ? 1 : kFirstSlices;
        const int64_t copies = q_.placement.fused() ? 1 : 2;
        const int64_t stack1 = copies * parts * 4 * padded * 4 * kCellChannels;
        const int64_t conv1 = parts * 4 * area * c.hidden1;
        const int64_t stack2 = copies * parts * 2 * padded * 4 * c.hidden1;
        const int64_t conv2 = parts * 2 * area * c.hidden2;
        const int64_t features = kFirstSlices * tile.tokens * c.hidden2;
        return (features + lq_tokens(tile) +
                std::max({stack1 + conv1, conv1 + stack2, stack2 + conv2})) *
               element_;
    }

    int64_t lq_tokens(const TileShape& tile) const {
        return q_.shape.projector.layers * kFirstSlices * tile.tokens * q_.shape.dit.dim;
    }

    // x and the projector's tokens, and of a block the widest moment (models/fused/dit_block.cpp):
    // norm, q beside k and q apart; or norm, projection, q and result of the attention to the
    // prompt; or norm and hidden layer, a slice at a time.
    int64_t transformer(const TileShape& tile) const {
        const DitConfig& dit = q_.shape.dit;
        const int64_t x = kFirstSlices * tile.tokens * dit.dim * element_;
        const int64_t self = e4m3_cache() ? 7 * x : 4 * x;
        const int64_t cross = 5 * x;
        const int64_t slices = q_.placement.fused() ? 1 : 2 * kFirstSlices;  // plain: and its GELU
        const int64_t hidden = slices * tile.tokens * dit.ffn_dim * (e4m3_linears() ? 1 : element_);
        const int64_t feed_forward = x / kFirstSlices + hidden;
        const int64_t lists =
            2 * dit.heads * kFirstSlices * kFirstSlices * tile.windows * tile.windows * kFp32;
        return x + lq_tokens(tile) * element_ + lists + std::max({self, cross, feed_forward}) +
               staging(tile);
    }

    // What a KvPass lends: see there.
    int64_t staging(const TileShape& tile) const {
        const int64_t element = e4m3_cache() ? 1 : element_;
        const int64_t ring = 2 * ring_.capacity() * tile.tokens * q_.shape.dit.dim;
        switch (q_.storage) {
            case KvStorage::kDevice: return 0;
            case KvStorage::kInt8: return ring * element_;
            case KvStorage::kHost: return 3 * ring * element;
            case KvStorage::kHostInt8:
                return ring * element_ + int8_slices(tile, 2 * ring_.kept() + 2);
        }
        return 0;
    }

    // ---- decoder ----

    // Elements per pixel: what it carries from chunk to chunk, and what it holds at most beside
    // its frames.
    struct DecoderElements {
        double state, working;
    };

    DecoderElements decoder_elements() const {
        using Family = DecoderType::Family;
        const bool small = q_.decoder_type->needs_adapter();  // a latent stands for 16 pixels
        switch (q_.decoder_type->family) {
            case Family::kTcd: {
                const TcDecoder::Config& decoder = q_.shape.decoder;
                const bool released = decoder.graph.patch == 8 && decoder.graph.shuffle == 1;
                return released ? tiny(decoder.channels) : small_tcd();
            }
            case Family::kTaehv: return tiny({256, 128, 64, 64}, small ? 0.25 : 1.0);
            case Family::kWan21: return wan(1.0);
            case Family::kWan22: return wan(0.25);
        }
        return {};
    }

    // Three blocks each at an eighth, a quarter and half of the sides
    // (models/decoders/tc_layers.h). The fused ones take two latent frames as far as a quarter, two
    // frames to half, and one to the end, twice; LibTorch's operations have four frames there,
    // resized, grown and activated.
    DecoderElements tiny(const std::array<int64_t, 4>& channels, double share = 1.0) const {
        std::array<double, 4> c = {};
        std::copy(channels.begin(), channels.end(), c.begin());
        const double state = 3 * (c[0] / 64 + c[1] / 16 + c[2] / 4);
        const double working = q_.placement.fused()
                                   ? 2 * c[1] / 16 + std::max(6 * c[2] / 4, 2 * c[2] / 4 + 2 * c[3])
                                   : 4 * (c[2] + 2 * c[3]);
        return {share * state, share * working};
    }

    // A graph of model.json: the first stage's cells are `patch` pixels wide.
    DecoderElements small_tcd() const {
        const auto& decoder = q_.shape.decoder;
        DecoderElements elements = {};
        double side = static_cast<double>(decoder.graph.patch);
        for (size_t s = 0; s < 3; ++s) {
            const auto width = static_cast<double>(decoder.channels[s]);
            elements.state += 3 * width / (side * side);
            elements.working = std::max(elements.working, 4 * 5 * width / (side * side));
            side /= static_cast<double>(decoder.graph.upsample[s]);
        }
        return elements;
    }

    // Two frames before each convolution over time, in stages of 4, 4, 2 and 1 times the width at
    // an eighth to all of the sides; four frames at once where they are largest, in a block four
    // times, by LibTorch's operations six times.
    DecoderElements wan(double share) const {
        const auto width = static_cast<double>(q_.shape.vae_width);
        return {share * width * (2 * 7 + 2 * 2 * 6 / 4.0 + 2 * 4 * 7 / 16.0 + 2 * 4 * 12 / 64.0),
                share * width * (q_.placement.fused() ? 16 : 24)};
    }

    // Pixels of the tile that the decoder sees at once, and of all its tiles.
    struct Seen {
        int64_t largest, sum;
    };
    Seen seen_by_decoder() const {
        if (!q_.tiling.vae || std::max(grid_.rows, grid_.columns) <= q_.tiling.size)
            return {pixels(), pixels()};
        const int64_t overlap = q_.halo ? 0 : q_.tiling.overlap;
        auto side = [&](const Span& span, int64_t size) {
            const int64_t around = q_.halo.value_or(0) * kLatentPixels;
            return (span.size() * kWindowPixels + (span.begin > 0 ? around : 0) +
                    (span.end < size ? around : 0));
        };
        Seen seen = {};
        for (const Span& rows : spread(grid_.rows, q_.tiling.size, overlap))
            for (const Span& columns : spread(grid_.columns, q_.tiling.size, overlap)) {
                const int64_t area = side(rows, grid_.rows) * side(columns, grid_.columns);
                seen.largest = std::max(seen.largest, area);
                seen.sum += area;
            }
        return seen;
    }

    int64_t decoder_state() const {
        return bytes_of(decoder_elements().state, seen_by_decoder().sum, element_);
    }

    int64_t decoder() const {
        const int64_t seen = seen_by_decoder().largest;
        // A tile's frames are copied into the picture's.
        const int64_t frames = 3 * kFirstOutput * (pixels() + (seen < pixels() ? seen : 0));
        const bool answers_in_fp32 = q_.decoder_type->family == DecoderType::Family::kWan21 ||
                                     q_.decoder_type->family == DecoderType::Family::kWan22;
        return frames * (answers_in_fp32 ? 2 * kFp32 : element_) +
               bytes_of(decoder_elements().working, seen, element_);
    }

    // The wavelet's bands are whole pictures in fp32.
    int64_t color_fix() const {
        return q_.wavelet ? 3 * kFirstOutput * pixels() * (element_ + 5 * kFp32) : 0;
    }

    // ---- frames ----

    // 25 resized ones and the 12 that a recorded chunk reads; output frames of the first chunk and
    // the one after it; one that has arrived.
    int64_t frames() const {
        const int64_t resized = (kFirstInput + kLaterInput) * 3 * pixels() * element_;
        const bool alpha = has_alpha(q_.input.format) && has_alpha(q_.output.format);
        const int64_t plane = int64_t{q_.output.height} * q_.output.width;
        return resized + (alpha ? kFirstInput * plane * kFp32 : 0) + frame_bytes(q_.input) +
               kOutputFrames * frame_bytes(q_.output);
    }

    int64_t host() const {
        int64_t bytes = 0;
        if (q_.placement.device.is_cuda()) {
            if (q_.input.memory == FLASHVSR_MEMORY_HOST) bytes += kChunk * frame_bytes(q_.input);
            if (q_.output.memory == FLASHVSR_MEMORY_HOST)
                bytes += kOutputFrames * frame_bytes(q_.output);
        }
        if (!keeps_on_host(q_.storage)) return bytes;
        for (const WindowGrid& grid : dit_tiles()) {
            const TileShape tile = tile_shape(grid);
            const int64_t slices = KvCache::place_count(ring_);
            for (int64_t i = 0; i < q_.shape.dit.layers; ++i)
                bytes += keeps_int8(q_.storage) && !e4m3_cache(i)
                             ? int8_slices(tile, slices)
                             : 2 * slices * tile.tokens * q_.shape.dit.dim *
                                   (e4m3_cache(i) ? 1 : element_);
        }
        return bytes;
    }

    int64_t pixels() const { return grid_.height() * grid_.width(); }

    static int64_t bytes_of(double elements, int64_t pixels, int64_t element) {
        return static_cast<int64_t>(elements * static_cast<double>(pixels * element));
    }

    static constexpr int64_t kCellChannels = 3 * 16 * 16;
    static constexpr int64_t kLatentPixels = 8;
    static constexpr int64_t kOutputFrames = kFirstOutput + kChunk;

    const MemoryQuery& q_;
    int64_t element_;
    WindowGrid grid_;
    SlotRing ring_;
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
