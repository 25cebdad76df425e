// Keys and values of past slices, per block, in a ring that is written in place (spec/flashvsr.md
// section 3, "KV cache").
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "models/placement.h"
#include "models/window.h"

namespace flashvsr {

// Which slot holds which slice. Attention does not depend on the order of its keys, so a slice
// stays in its slot until it is evicted and a new one takes the slot over.
class SlotRing {
  public:
    // kept: slices that stay after a step, int(kv_ratio). The start-up step brings three and each
    // step evicts at most one, hence never fewer than two stay.
    explicit SlotRing(int64_t kept = 3);

    int64_t capacity() const;
    // Slots now in use, the oldest slice first. Within a step they are 0 .. size-1 in some order.
    const std::vector<int64_t>& slots() const { return slots_; }

    // Takes `count` new slices in: their slots are consecutive; returns the first.
    int64_t begin_step(int64_t count);
    // Evicts the oldest slice if there are more than `kept`.
    void end_step();
    void clear() { slots_.clear(); }

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

    // e4m3: per layer, whether k and v are kept in e4m3 instead of the run dtype.
    KvCache(const WindowGrid& grid, std::vector<bool> e4m3, int64_t dim, int64_t kept,
            const Placement& placement);

    // See SlotRing. The layers are filled by the blocks between the two calls.
    int64_t begin_step(int64_t slices) { return ring_.begin_step(slices); }
    void end_step() { ring_.end_step(); }

    const SlotRing& ring() const { return ring_; }
    const Layer& layer(int64_t index) const { return layers_[index]; }
    int64_t kept() const { return kept_; }

    // Another number of kept slices; the newest that fit stay. Between steps only.
    void set_kept(int64_t kept);

  private:
    void allocate();

    WindowGrid grid_;
    int64_t dim_;
    int64_t kept_;
    Placement placement_;
    SlotRing ring_;
    std::vector<bool> e4m3_;
    std::vector<Layer> layers_;
};

}  // namespace flashvsr
