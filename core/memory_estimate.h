// SPDX-License-Identifier: Apache-2.0
// What a stream takes of memory, counted before any of it is allocated (docs/memory.md has the
// formulas in words).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/flashvsr.h"
#include "core/networks.h"
#include "models/kv_cache.h"
#include "models/model.h"

namespace flashvsr {

// What the estimate depends on.
struct MemoryQuery {
    ModelShape shape;
    ModelVersion version = ModelVersion::k1;
    const DecoderType* decoder_type = nullptr;
    std::optional<int64_t> halo;  // of the decoder, see Decoder::halo
    int64_t parameters = 0;       // of the model
    Placement placement;
    FlashvsrFrameInfo input = {}, output = {};
    int64_t kept = 3;  // int(kv_ratio)
    bool wavelet = false;
    KvStorage storage = KvStorage::kDevice;
    Tiling tiling;
};

// What libraries and kernels take that are loaded when they are first used.
inline constexpr int64_t kLibraryBytes = int64_t{256} << 20;

// Bytes.
struct MemoryEstimate {
    int64_t weights = 0;      // shared by the engine's streams
    int64_t kv_cache = 0;     // on the device
    int64_t state = 0;        // what else crosses chunks
    int64_t frames = 0;       // in and out
    int64_t activations = 0;  // most that a stage of a chunk holds at once
    int64_t reserve = 0;      // what the allocator cannot hand out, libraries, CUDA graphs
    int64_t host = 0;         // of the host, locked: stored keys and values, frames on their way

    // What a stream adds to the weights.
    int64_t stream() const { return kv_cache + state + frames + activations + reserve; }
    int64_t total() const { return weights + stream(); }
    // What tensors hold at the worst moment; total() is to be compared with what is reserved.
    int64_t tensors() const { return total() - reserve; }
};

MemoryEstimate estimate_memory(const MemoryQuery& query);

// The query for a model that is there; how its past is kept and tiled is still to be said.
MemoryQuery memory_query(const Model& model, const FlashvsrFrameInfo& input,
                         const FlashvsrFrameInfo& output);

// "7.1 GiB".
std::string in_gib(int64_t bytes);

}  // namespace flashvsr
