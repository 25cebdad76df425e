// SPDX-License-Identifier: Apache-2.0
// Keys and values of past slices, per block (docs/model.md section 3.2): in a ring
// that is written in place, or in a store beside it.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "models/copy_stream.h"
#include "models/placement.h"
#include "models/window.h"

namespace flashvsr {

// Where and how past keys and values are kept between steps.
enum class KvStorage {
    kDevice,    // in the ring, as attention reads them
    kInt8,      // on the device in 8 bits (kernels/kv_int8.h)
    kHost,      // in the host's memory, as attention reads them
    kHostInt8,  // in the host's memory in 8 bits
};

inline bool keeps_int8(KvStorage storage) {
    return storage == KvStorage::kInt8 || storage == KvStorage::kHostInt8;
}
inline bool keeps_on_host(KvStorage storage) {
    return storage == KvStorage::kHost || storage == KvStorage::kHostInt8;
}

// Which slot holds which slice. Attention does not depend on the order of its keys, so a slice
// stays in its slot until it is evicted and a new one takes the slot over.
class SlotRing {
  public:
    // kept: slices that stay after a step, int(kv_ratio). The start-up step brings three and each
    // step evicts at most one, hence never fewer than two stay.
    explicit SlotRing(int64_t kept = 3);

    int64_t capacity() const;
    int64_t kept() const { return kept_; }
    // Slots now in use, the oldest slice first. Within a step they are 0 .. size-1 in some order.
    const std::vector<int64_t>& slots() const { return slots_; }

    // Takes `count` new slices in: their slots are consecutive; returns the first.
    int64_t begin_step(int64_t count);
    // Evicts the oldest slice if there are more than `kept`.
    void end_step();

  private:
    int64_t kept_;
    std::vector<int64_t> slots_;
};

class KvCache {
  public:
    struct Layer {
        at::Tensor k;       // [capacity * tokens, dim], after norm and RoPE, window order
        at::Tensor v;       // [capacity * tokens, dim]; e4m3: the same bytes as
                            // [capacity * windows, heads, 128, 128], kernels/attention_e4m3.h
        at::Tensor k_mean;  // [capacity * windows, dim], mean of k over each window
    };
    // A layer's past slices where the ring does not hold them, each in a place.
    struct Store {
        at::Tensor k, v;              // [places * tokens, dim], as in the ring, or int8 with
        at::Tensor k_scale, v_scale;  // [places * windows, heads], fp32
        bool int8() const { return k_scale.defined(); }
    };
    struct Move {
        int64_t slot, place;
    };
    struct Format {
        std::vector<bool> e4m3;  // per layer: k and v in e4m3 instead of the run type
        int64_t dim = 0;
        KvStorage storage = KvStorage::kDevice;
    };

    KvCache(const WindowGrid& grid, Format format, int64_t kept, const Placement& placement);

    // Bytes that such a cache takes on the device and, locked, of the host.
    struct Bytes {
        int64_t device = 0, host = 0;
    };
    static Bytes bytes(const WindowGrid& grid, const Format& format, int64_t kept,
                       const Placement& placement);
    // Bytes of keys and values of so many slices of a layer in 8 bits, with their scales.
    static int64_t int8_bytes(const WindowGrid& grid, int64_t dim, int64_t slices);

    // See SlotRing. Between the two calls the blocks fill the new slots, through a KvPass.
    int64_t begin_step(int64_t slices);
    void end_step();

    const SlotRing& ring() const { return ring_; }
    const WindowGrid& grid() const { return grid_; }
    const Format& format() const { return format_; }
    const Placement& placement() const { return placement_; }
    int64_t kept() const { return kept_; }
    int64_t layers() const { return static_cast<int64_t>(layers_.size()); }

    // Keys and values are undefined where they are stored: a KvPass lends them.
    const Layer& layer(int64_t index) const { return layers_[index]; }
    bool is_stored(int64_t index) const { return stores_[index].k.defined(); }
    const Store& store(int64_t index) const { return stores_[index]; }

    // The step under way: the slices that come from their places, and the new ones that will be
    // kept.
    const std::vector<Move>& incoming() const { return incoming_; }
    const std::vector<Move>& outgoing() const { return outgoing_; }
    // The place of the step's first new slice; 0 where nothing is stored. It, the slot and the
    // number of slices tell a stream's steps apart by what they move.
    int64_t first_place() const { return outgoing_.empty() ? 0 : outgoing_.front().place; }

    // Places of a store beside such a ring.
    static int64_t place_count(const SlotRing& ring);

    // Another number of kept slices; the newest that fit stay. Between steps only.
    void set_kept(int64_t kept);

    // [slots * tokens, dim], in the layer's type, on the device.
    at::Tensor empty_rows(int64_t layer, int64_t slots) const;
    // On the device, for `slices` slices in 8 bits.
    Store empty_int8(int64_t slices) const;

    // The copies of a KvPass, which is one at a time.
    struct CopyStreams {
        explicit CopyStreams(const at::Device& device);
        CopyStream prefetch;
        CopyStream write_back[2];  // of layers with even and odd numbers
    };
    CopyStreams& copy_streams() const { return *copy_streams_; }

  private:
    Layer empty_layer(int64_t index) const;
    Store empty_store(int64_t index) const;

    WindowGrid grid_;
    Format format_;
    int64_t kept_;
    Placement placement_;
    SlotRing ring_;
    std::vector<Layer> layers_;
    std::vector<Store> stores_;
    std::vector<int64_t> places_;  // per slot of the ring: where its slice is stored, or -1
    std::vector<Move> incoming_, outgoing_;
    std::unique_ptr<CopyStreams> copy_streams_;
};

}  // namespace flashvsr
