// Which past slices a step sees (spec/flashvsr.md section 3, "KV cache").
#include "models/kv_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

namespace flashvsr {
namespace {

constexpr WindowGrid kGrid = {1, 2};
constexpr int64_t kLayers = 2, kDim = 3;

using Slices = std::vector<int64_t>;

// Traps 12: drop exactly one slice per step, and only when more than kv_len are there; so 1 acts
// as 2. All from the text: a list of slice numbers, oldest first.
class Schedule {
  public:
    explicit Schedule(size_t kv_len) : kv_len_(kv_len) {}
    const Slices& begin_step(int64_t count) {
        for (int64_t i = 0; i < count; ++i) cached_.push_back(next_++);
        return cached_;
    }
    void end_step() {
        if (cached_.size() > kv_len_) cached_.erase(cached_.begin());
    }

  private:
    size_t kv_len_;
    Slices cached_;
    int64_t next_ = 0;
};

TEST(SlotRing, EvictsAsTheReferenceDoesAndLeavesSlicesInPlace) {
    for (const int64_t kv_len : {1, 2, 3, 5}) {
        Schedule schedule(kv_len);
        SlotRing ring(kv_len);
        std::map<int64_t, int64_t> slice_in;  // per slot
        int64_t next = 0;
        for (int step = 0; step < 12; ++step) {
            const int64_t count = step == 0 ? 3 : 1;
            const int64_t first = ring.begin_step(count);
            for (int64_t i = 0; i < count; ++i) slice_in[first + i] = next++;
            Slices seen;
            for (const int64_t slot : ring.slots()) seen.push_back(slice_in.at(slot));
            EXPECT_EQ(seen, schedule.begin_step(count))
                << "kv_ratio " << kv_len << " step " << step;
            // Kernels see the first slots of the ring, so those in use leave no gap.
            const std::set<int64_t> used(ring.slots().begin(), ring.slots().end());
            EXPECT_EQ(used.size(), ring.slots().size());
            EXPECT_EQ(*used.rbegin() + 1, static_cast<int64_t>(used.size()));
            EXPECT_LE(static_cast<int64_t>(used.size()), ring.capacity());
            ring.end_step();
            schedule.end_step();
        }
    }
}

// One stream's cache; every slice's keys, values and means hold the slice's number.
class CacheWithNumbers {
  public:
    void step(int64_t count) {
        const int64_t first = cache.begin_step(count);
        for (int64_t i = 0; i < count; ++i, ++next_)
            for (int64_t layer = 0; layer < kLayers; ++layer) fill(first + i, layer);
        cache.end_step();
    }

    // Numbers of the cached slices, oldest first; -1 where a layer holds anything else.
    Slices slices() const {
        Slices found;
        for (const int64_t slot : cache.ring().slots()) {
            const int64_t number = rows(slot, 0, &KvCache::Layer::k)[0][0].item<int64_t>();
            bool whole = true;
            for (int64_t layer = 0; layer < kLayers; ++layer)
                for (const auto& [part, offset] : kParts)
                    whole = whole && (rows(slot, layer, part) == value(number, layer, offset))
                                         .all()
                                         .item<bool>();
            found.push_back(whole ? number : -1);
        }
        return found;
    }

    KvCache cache = KvCache(kGrid, std::vector<bool>(kLayers), kDim, 3, Placement{});

  private:
    static constexpr std::pair<at::Tensor KvCache::Layer::*, double> kParts[] = {
        {&KvCache::Layer::k, 0.0}, {&KvCache::Layer::v, 0.25}, {&KvCache::Layer::k_mean, 0.5}};

    static double value(int64_t slice, int64_t layer, double offset) {
        return static_cast<double>(slice) + offset + (layer == 0 ? 0.0 : 0.125);
    }
    at::Tensor rows(int64_t slot, int64_t layer, at::Tensor KvCache::Layer::*part) const {
        const int64_t count = part == &KvCache::Layer::k_mean ? kGrid.windows() : kGrid.tokens();
        return (cache.layer(layer).*part).narrow(0, slot * count, count);
    }
    void fill(int64_t slot, int64_t layer) {
        for (const auto& [part, offset] : kParts)
            rows(slot, layer, part).fill_(value(next_, layer, offset));
    }

    int64_t next_ = 0;
};

TEST(KvCache, KeepsTheNewestWhenItsLengthChangesMidStream) {
    CacheWithNumbers stream;
    stream.step(3);
    stream.step(1);
    stream.step(1);
    EXPECT_EQ(stream.slices(), (Slices{2, 3, 4}));
    stream.cache.set_kept(5);
    EXPECT_EQ(stream.slices(), (Slices{2, 3, 4}));
    stream.step(1);
    stream.step(1);
    stream.step(1);
    EXPECT_EQ(stream.slices(), (Slices{3, 4, 5, 6, 7}));
    stream.cache.set_kept(2);
    EXPECT_EQ(stream.slices(), (Slices{6, 7}));
    stream.step(1);
    EXPECT_EQ(stream.slices(), (Slices{7, 8}));
    stream.cache.set_kept(1);
    stream.step(1);
    EXPECT_EQ(stream.slices(), (Slices{8, 9}));
    stream.cache.set_kept(3);
    stream.step(1);
    EXPECT_EQ(stream.slices(), (Slices{8, 9, 10}));
}

TEST(KvCache, ChangesItsLengthBeforeTheFirstStep) {
    for (const int64_t kept : {1, 2, 4}) {
        CacheWithNumbers stream;
        stream.cache.set_kept(kept);
        stream.step(3);
        stream.step(1);
        EXPECT_EQ(stream.slices(), kept == 4 ? (Slices{0, 1, 2, 3}) : (Slices{2, 3}));
    }
}

}  // namespace
}  // namespace flashvsr
