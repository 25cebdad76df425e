// SPDX-License-Identifier: Apache-2.0
// Which past slices a step sees (docs/model.md section 3.2).
#include "models/kv_pass.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace flashvsr {
namespace {

constexpr WindowGrid kGrid = {1, 2};
constexpr int64_t kLayers = 5, kDim = 256;

using Slices = std::vector<int64_t>;

// docs/model.md section 15, trap 12: drop exactly one slice per step, and only when more than
// kv_len are there; so 1 acts as 2. All from the text: a list of slice numbers, oldest first.
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

// One stream's cache; every slice's keys, values and means hold the slice's number, a little more
// in each layer.
class CacheWithNumbers {
  public:
    explicit CacheWithNumbers(KvStorage storage)
        : cache(kGrid, {std::vector<bool>(kLayers), kDim, storage}, 3, Placement{}) {}

    // Numbers of the past slices that the step finds, oldest first; -1 where a layer holds anything
    // else.
    Slices step(int64_t count) {
        const std::vector<int64_t> past = cache.ring().slots();
        const int64_t first = cache.begin_step(count);
        Slices found(past.size(), kUnknown);
        KvPass pass(cache);
        for (int64_t l = 0; l < kLayers; ++l) {
            const KvCache::Layer& layer = pass.load(l);
            for (size_t i = 0; i < past.size(); ++i) {
                const int64_t number = number_in(layer, l, past[i]);
                found[i] = found[i] == kUnknown || found[i] == number ? number : -1;
            }
            for (int64_t i = 0; i < count; ++i) fill(layer, l, first + i, next_ + i);
            pass.save(l);
        }
        pass.finish();
        cache.end_step();
        next_ += count;
        return found;
    }

    KvCache cache;

  private:
    static constexpr int64_t kUnknown = -2;
    struct Part {
        at::Tensor KvCache::Layer::*tensor;
        int64_t rows;  // of a slice
        double offset;
    };
    static const std::vector<Part>& parts() {
        static const std::vector<Part> parts = {{&KvCache::Layer::k, kGrid.tokens(), 0.0},
                                                {&KvCache::Layer::v, kGrid.tokens(), 0.125},
                                                {&KvCache::Layer::k_mean, kGrid.windows(), 0.25}};
        return parts;
    }
    static at::Tensor slice(const KvCache::Layer& layer, const Part& part, int64_t slot) {
        return (layer.*part.tensor).narrow(0, slot * part.rows, part.rows);
    }
    static void fill(const KvCache::Layer& layer, int64_t index, int64_t slot, int64_t number) {
        for (const Part& part : parts())
            slice(layer, part, slot)
                .fill_(static_cast<double>(number) + part.offset +
                       0.01 * static_cast<double>(index));
    }
    static int64_t number_in(const KvCache::Layer& layer, int64_t index, int64_t slot) {
        double number = kUnknown;
        for (const Part& part : parts()) {
            const at::Tensor values =
                slice(layer, part, slot) - (part.offset + 0.01 * static_cast<double>(index));
            const double least = values.min().item<double>(), most = values.max().item<double>();
            if (number == kUnknown) number = std::round(least);
            if (!(std::abs(least - number) < 1e-4 && std::abs(most - number) < 1e-4)) return -1;
        }
        return static_cast<int64_t>(number);
    }

    int64_t next_ = 0;
};

class KvCacheTest : public ::testing::TestWithParam<KvStorage> {};
INSTANTIATE_TEST_SUITE_P(Storages, KvCacheTest,
                         ::testing::Values(KvStorage::kDevice, KvStorage::kInt8, KvStorage::kHost,
                                           KvStorage::kHostInt8));

TEST_P(KvCacheTest, EachStepFindsTheSlicesBeforeIt) {
    for (const int64_t kept : {2, 3, 5}) {
        CacheWithNumbers stream(GetParam());
        stream.cache.set_kept(kept);
        Schedule schedule(kept);
        EXPECT_EQ(stream.step(3), Slices{});
        schedule.begin_step(3);
        schedule.end_step();
        for (int step = 0; step < 15; ++step) {
            Slices expected = schedule.begin_step(1);
            expected.pop_back();
            EXPECT_EQ(stream.step(1), expected) << "kv_ratio " << kept << " step " << step;
            schedule.end_step();
        }
    }
}

TEST_P(KvCacheTest, KeepsTheNewestWhenItsLengthChangesMidStream) {
    CacheWithNumbers stream(GetParam());
    stream.step(3);
    stream.step(1);
    stream.step(1);
    stream.cache.set_kept(5);
    EXPECT_EQ(stream.step(1), (Slices{2, 3, 4}));
    stream.step(1);
    stream.step(1);
    EXPECT_EQ(stream.step(1), (Slices{3, 4, 5, 6, 7}));
    stream.cache.set_kept(2);
    EXPECT_EQ(stream.step(1), (Slices{7, 8}));
    EXPECT_EQ(stream.step(1), (Slices{8, 9}));
    stream.cache.set_kept(1);
    EXPECT_EQ(stream.step(1), (Slices{9, 10}));
    stream.cache.set_kept(3);
    EXPECT_EQ(stream.step(1), (Slices{10, 11}));
    EXPECT_EQ(stream.step(1), (Slices{10, 11, 12}));
}

TEST_P(KvCacheTest, ChangesItsLengthBeforeTheFirstStep) {
    for (const int64_t kept : {1, 2, 4}) {
        CacheWithNumbers stream(GetParam());
        stream.cache.set_kept(kept);
        stream.step(3);
        EXPECT_EQ(stream.step(1), kept == 4 ? (Slices{0, 1, 2}) : (Slices{1, 2}));
        EXPECT_EQ(stream.step(1), kept == 4 ? (Slices{0, 1, 2, 3}) : (Slices{2, 3}));
    }
}

// Recordings are found by slot, number of slices and place.
TEST_P(KvCacheTest, StepsThatAreToldApartByNothingMoveTheSameSlices) {
    CacheWithNumbers stream(GetParam());
    std::map<std::pair<int64_t, int64_t>, std::set<std::pair<int64_t, int64_t>>> moves;
    stream.step(3);
    for (int step = 0; step < 40; ++step) {
        stream.step(1);
        const KvCache& cache = stream.cache;
        std::set<std::pair<int64_t, int64_t>> moved;  // the order does not matter
        for (const auto* list : {&cache.incoming(), &cache.outgoing()})
            for (const KvCache::Move& move : *list) moved.emplace(move.slot, move.place);
        const std::pair<int64_t, int64_t> step_key = {cache.ring().slots().back(),
                                                      cache.first_place()};
        EXPECT_EQ(moves.try_emplace(step_key, moved).first->second, moved);
    }
    EXPECT_EQ(moves.size(), GetParam() == KvStorage::kDevice ? 4U : 12U);
}

}  // namespace
}  // namespace flashvsr
