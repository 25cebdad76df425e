#include "models/kv_cache.h"

#include <algorithm>

namespace flashvsr {

namespace {
constexpr int64_t kStartSlices = 3;
}

SlotRing::SlotRing(int64_t kept) : kept_(std::max<int64_t>(kept, kStartSlices - 1)) {}

int64_t SlotRing::capacity() const { return std::max(kept_ + 1, kStartSlices); }

int64_t SlotRing::begin_step(int64_t count) {
    const int64_t used = static_cast<int64_t>(slots_.size());
    TORCH_CHECK(used + count <= capacity(), "the KV ring holds ", capacity(), " slices");
    // The lowest free slot: the one that was evicted last, else the first never used.
    int64_t first = 0;
    while (std::find(slots_.begin(), slots_.end(), first) != slots_.end()) ++first;
    TORCH_CHECK(count == 1 || first == used, "several slices at once need an empty ring");
    for (int64_t i = 0; i < count; ++i) slots_.push_back(first + i);
    return first;
}

void SlotRing::end_step() {
    if (static_cast<int64_t>(slots_.size()) > kept_) slots_.erase(slots_.begin());
}

KvCache::KvCache(const WindowGrid& grid, std::vector<bool> e4m3, int64_t dim, int64_t kept,
                 const Placement& placement)
    : grid_(grid),
      dim_(dim),
      kept_(kept),
      placement_(placement),
      ring_(kept),
      e4m3_(std::move(e4m3)),
      layers_(e4m3_.size()) {
    allocate();
}

void KvCache::allocate() {
    const int64_t capacity = ring_.capacity();
    for (size_t i = 0; i < layers_.size(); ++i) {
        Layer& layer = layers_[i];
        const at::ScalarType type = e4m3_[i] ? at::kFloat8_e4m3fn : placement_.dtype;
        layer.k = at::empty({capacity * grid_.tokens(), dim_}, placement_.options().dtype(type));
        layer.v = at::empty_like(layer.k);
        layer.k_mean = at::empty({capacity * grid_.windows(), dim_}, placement_.options());
    }
}

void KvCache::set_kept(int64_t kept) {
    if (kept == kept_) return;
    const SlotRing old_ring = ring_;
    const std::vector<Layer> old_layers = layers_;
    kept_ = kept;
    ring_ = SlotRing(kept);
    allocate();
    const int64_t used = static_cast<int64_t>(old_ring.slots().size());
    const int64_t moved = std::min(used, ring_.capacity() - 1);
    for (int64_t i = 0; i < moved; ++i) {
        const int64_t from = old_ring.slots()[used - moved + i];
        const int64_t to = ring_.begin_step(1);
        for (size_t l = 0; l < layers_.size(); ++l) {
            auto copy = [&](at::Tensor Layer::*member, int64_t rows) {
                (layers_[l].*member)
                    .narrow(0, to * rows, rows)
                    .copy_((old_layers[l].*member).narrow(0, from * rows, rows));
            };
            copy(&Layer::k, grid_.tokens());
            copy(&Layer::v, grid_.tokens());
            copy(&Layer::k_mean, grid_.windows());
        }
    }
}

}  // namespace flashvsr
