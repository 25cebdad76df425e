// SPDX-License-Identifier: Apache-2.0
// One step's way through the layers of a KV cache: lends each block its keys and values.
#pragma once

#include <ATen/ATen.h>

#include <array>

#include "models/kv_cache.h"

namespace flashvsr {

// Between KvCache::begin_step and end_step:
//
//     KvPass pass(cache);
//     for each layer, in order:
//         const KvCache::Layer& kv = pass.load(layer);  // past slices are in their slots
//         ... the block writes the new slices and attends to all ...
//         pass.save(layer);
//     pass.finish();
//
// Where slices are stored, a ring is allocated for the time of a layer, past slices are copied or
// dequantized into it, and afterwards the new slices, and they alone, go to their places. From and
// to the host this happens beside the blocks before and after. All of it can be recorded (see
// GraphRecorder): memory is LibTorch's, and copies are joined in finish().
class KvPass {
  public:
    explicit KvPass(const KvCache& cache);

    // Bytes that the passes of such a cache lend at once at most.
    static int64_t bytes(const WindowGrid& grid, const KvCache::Format& format, int64_t kept,
                         const Placement& placement);

    // Valid until the same layer is saved.
    const KvCache::Layer& load(int64_t layer);
    void save(int64_t layer);
    void finish();

  private:
    // What a layer needs while its slices move.
    struct Staging {
        KvCache::Layer ring;
        KvCache::Store prefetched;    // int8 from the host, a slice after the other
        KvCache::Store written_back;  // int8 to the host
    };
    // Three layers are under way at once: one is prefetched, one used, one written back.
    Staging& staging(int64_t layer) { return staging_[layer % 3]; }

    void make_ring(int64_t layer);
    void begin_prefetch(int64_t layer);
    void begin_write_back(int64_t layer);
    void dequantize(int64_t layer);
    // Into `target`, in the places of `moves`.
    void quantize(int64_t layer, const std::vector<KvCache::Move>& moves,
                  const KvCache::Store& target) const;

    const KvCache& cache_;
    bool on_host_;
    std::array<Staging, 3> staging_;
};

}  // namespace flashvsr
