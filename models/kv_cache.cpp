// SPDX-License-Identifier: Apache-2.0
#include "models/kv_cache.h"

#include <algorithm>

#include "models/attention.h"

namespace flashvsr {

namespace {

constexpr int64_t kStartSlices = 3;
constexpr int64_t kNowhere = -1;

// With a place for each kept slice, a slice's place and its slot meet again after kept * (kept + 1)
// steps, each of which is recorded on its own (core/graph_recorder.h). Beyond this many the places
// are the slots.
constexpr int64_t kMaxTightPlaces = 3;

bool contains(const std::vector<int64_t>& values, int64_t value) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

// Slice `from` of one tensor to slice `to` of another, both with `rows` rows a slice.
void copy_slice(const at::Tensor& source, int64_t from, const at::Tensor& target, int64_t to,
                int64_t rows) {
    if (source.defined())
        target.narrow(0, to * rows, rows).copy_(source.narrow(0, from * rows, rows));
}

}  // namespace

SlotRing::SlotRing(int64_t kept) : kept_(std::max<int64_t>(kept, kStartSlices - 1)) {}

int64_t SlotRing::capacity() const { return std::max(kept_ + 1, kStartSlices); }

int64_t SlotRing::begin_step(int64_t count) {
    const int64_t used = static_cast<int64_t>(slots_.size());
    TORCH_CHECK(used + count <= capacity(), "the KV ring holds ", capacity(), " slices");
    // The lowest free slot: the one that was evicted last, else the first never used.
    int64_t first = 0;
    while (contains(slots_, first)) ++first;
    TORCH_CHECK(count == 1 || first == used, "several slices at once need an empty ring");
    for (int64_t i = 0; i < count; ++i) slots_.push_back(first + i);
    return first;
}

void SlotRing::end_step() {
    if (static_cast<int64_t>(slots_.size()) > kept_) slots_.erase(slots_.begin());
}

KvCache::CopyStreams::CopyStreams(const at::Device& device)
    : prefetch(device), write_back{CopyStream(device), CopyStream(device)} {}

int64_t KvCache::int8_bytes(const WindowGrid& grid, int64_t dim, int64_t slices) {
    constexpr auto kScale = static_cast<int64_t>(sizeof(float));
    return 2 * slices * (grid.tokens() * dim + grid.windows() * dim / kHeadDim * kScale);
}

KvCache::Bytes KvCache::bytes(const WindowGrid& grid, const Format& format, int64_t kept,
                              const Placement& placement) {
    const SlotRing ring(kept);
    const int64_t element = placement.element_bytes();
    Bytes bytes;
    for (const bool e4m3 : format.e4m3) {
        bytes.device += ring.capacity() * grid.windows() * format.dim * element;  // means of k
        const bool on_host = keeps_on_host(format.storage);
        const bool int8 = keeps_int8(format.storage) && !e4m3;
        const int64_t slices = on_host || int8 ? place_count(ring) : ring.capacity();
        (on_host ? bytes.host : bytes.device) +=
            int8 ? int8_bytes(grid, format.dim, slices)
                 : 2 * slices * grid.tokens() * format.dim * (e4m3 ? 1 : element);
    }
    return bytes;
}

KvCache::KvCache(const WindowGrid& grid, Format format, int64_t kept, const Placement& placement)
    : grid_(grid),
      format_(std::move(format)),
      kept_(kept),
      placement_(placement),
      ring_(kept),
      places_(ring_.capacity(), kNowhere),
      copy_streams_(keeps_on_host(format_.storage) ? std::make_unique<CopyStreams>(placement.device)
                                                   : nullptr) {
    for (size_t i = 0; i < format_.e4m3.size(); ++i) {
        layers_.push_back(empty_layer(static_cast<int64_t>(i)));
        stores_.push_back(empty_store(static_cast<int64_t>(i)));
    }
}

int64_t KvCache::place_count(const SlotRing& ring) {
    return ring.kept() <= kMaxTightPlaces ? ring.kept() : ring.capacity();
}

at::Tensor KvCache::empty_rows(int64_t layer, int64_t slots) const {
    const at::ScalarType type = format_.e4m3[layer] ? at::kFloat8_e4m3fn : placement_.dtype;
    return at::empty({slots * grid_.tokens(), format_.dim}, placement_.options().dtype(type));
}

KvCache::Store KvCache::empty_int8(int64_t slices) const {
    Store store;
    store.k =
        at::empty({slices * grid_.tokens(), format_.dim}, placement_.options().dtype(at::kChar));
    store.v = at::empty_like(store.k);
    store.k_scale =
        at::empty({slices * grid_.windows(), format_.dim / kHeadDim}, placement_.fp32());
    store.v_scale = at::empty_like(store.k_scale);
    return store;
}

KvCache::Layer KvCache::empty_layer(int64_t index) const {
    const int64_t capacity = ring_.capacity();
    Layer layer;
    layer.k_mean = at::empty({capacity * grid_.windows(), format_.dim}, placement_.options());
    const bool in_ring = format_.storage == KvStorage::kDevice ||
                         (format_.storage == KvStorage::kInt8 && format_.e4m3[index]);
    if (in_ring) {
        layer.k = empty_rows(index, capacity);
        layer.v = empty_rows(index, capacity);
    }
    return layer;
}

KvCache::Store KvCache::empty_store(int64_t index) const {
    if (layers_[index].k.defined()) return {};
    const bool int8 = keeps_int8(format_.storage) && !format_.e4m3[index];
    if (!keeps_on_host(format_.storage)) return empty_int8(place_count(ring_));
    auto on_host = [&](int64_t rows, int64_t columns, at::ScalarType type) {
        return host_memory({place_count(ring_) * rows, columns}, type, placement_.device);
    };
    const at::ScalarType type = int8                  ? at::kChar
                                : format_.e4m3[index] ? at::kFloat8_e4m3fn
                                                      : placement_.dtype;
    Store store;
    store.k = on_host(grid_.tokens(), format_.dim, type);
    store.v = on_host(grid_.tokens(), format_.dim, type);
    if (int8) {
        store.k_scale = on_host(grid_.windows(), format_.dim / kHeadDim, at::kFloat);
        store.v_scale = on_host(grid_.windows(), format_.dim / kHeadDim, at::kFloat);
    }
    return store;
}

// A new slice that stays takes a place that is free, else that of one that leaves after this step,
// which has been read by then.
int64_t KvCache::begin_step(int64_t slices) {
    const std::vector<int64_t> past = ring_.slots();
    const int64_t first = ring_.begin_step(slices);
    incoming_.clear();
    outgoing_.clear();
    if (format_.storage == KvStorage::kDevice) return first;

    SlotRing after = ring_;
    after.end_step();
    std::vector<int64_t> taken;  // when this step begins, and by whom stays when it ends
    std::vector<int64_t> staying;
    for (const int64_t slot : past) {
        incoming_.push_back({slot, places_[slot]});
        taken.push_back(places_[slot]);
        if (contains(after.slots(), slot)) staying.push_back(places_[slot]);
    }
    auto lowest_beside = [&](const std::vector<int64_t>& places) {
        int64_t place = 0;
        while (contains(places, place)) ++place;
        return place;
    };
    for (const int64_t slot : after.slots()) {
        if (contains(past, slot)) continue;
        int64_t place = lowest_beside(taken);
        if (place >= place_count(ring_)) place = lowest_beside(staying);
        outgoing_.push_back({slot, place});
        taken.push_back(place);
        staying.push_back(place);
    }
    return first;
}

void KvCache::end_step() {
    ring_.end_step();
    for (const Move& move : outgoing_) places_[move.slot] = move.place;
}

void KvCache::set_kept(int64_t kept) {
    if (kept == kept_) return;
    const SlotRing old_ring = ring_;
    const std::vector<int64_t> old_places = places_;
    kept_ = kept;
    ring_ = SlotRing(kept);
    places_.assign(ring_.capacity(), kNowhere);
    const int64_t used = static_cast<int64_t>(old_ring.slots().size());
    const int64_t moved = std::min(used, ring_.capacity() - 1);
    std::vector<int64_t> from, to;
    for (int64_t i = 0; i < moved; ++i) {
        from.push_back(old_ring.slots()[used - moved + i]);
        to.push_back(ring_.begin_step(1));
        places_[to.back()] = i;
    }
    wait_for_device(placement_.device);
    // Layer by layer, so that no more than one is there twice.
    for (int64_t l = 0; l < layers(); ++l) {
        const Layer layer = layers_[l];
        const Store store = stores_[l];
        layers_[l] = empty_layer(l);
        stores_[l] = empty_store(l);
        for (int64_t i = 0; i < moved; ++i) {
            copy_slice(layer.k, from[i], layers_[l].k, to[i], grid_.tokens());
            copy_slice(layer.v, from[i], layers_[l].v, to[i], grid_.tokens());
            copy_slice(layer.k_mean, from[i], layers_[l].k_mean, to[i], grid_.windows());
            copy_slice(store.k, old_places[from[i]], stores_[l].k, i, grid_.tokens());
            copy_slice(store.v, old_places[from[i]], stores_[l].v, i, grid_.tokens());
            copy_slice(store.k_scale, old_places[from[i]], stores_[l].k_scale, i, grid_.windows());
            copy_slice(store.v_scale, old_places[from[i]], stores_[l].v_scale, i, grid_.windows());
        }
    }
}

}  // namespace flashvsr
