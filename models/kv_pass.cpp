// SPDX-License-Identifier: Apache-2.0
#include "models/kv_pass.h"

#include <algorithm>

#include "kernels/kv_int8.h"
#include "models/attention.h"
#include "models/kernel_args.h"

namespace flashvsr {
namespace {

using Move = KvCache::Move;

at::Tensor slice_of(const at::Tensor& x, int64_t index, int64_t rows) {
    return x.narrow(0, index * rows, rows);
}

// Moves whose places count from 0 in their order: of a store made for them alone.
std::vector<Move> packed(const std::vector<Move>& moves) {
    std::vector<Move> result;
    for (const Move& move : moves)
        result.push_back({move.slot, static_cast<int64_t>(result.size())});
    return result;
}

void quantize_slice(const at::Tensor& x, const at::Tensor& q, const at::Tensor& scale) {
    kernels::QuantizeKv params;
    params.x = x.const_data_ptr();
    params.q = q.mutable_data_ptr<int8_t>();
    params.scale = scale.mutable_data_ptr<float>();
    params.windows = static_cast<int>(scale.size(0));
    params.heads = static_cast<int>(scale.size(1));
    params.type = element_type(x);
    FLASHVSR_LAUNCH(quantize_kv, x, params);
}

void dequantize_slice(const at::Tensor& q, const at::Tensor& scale, const at::Tensor& x) {
    kernels::DequantizeKv params;
    params.q = q.const_data_ptr<int8_t>();
    params.scale = scale.const_data_ptr<float>();
    params.x = x.mutable_data_ptr();
    params.windows = static_cast<int>(scale.size(0));
    params.heads = static_cast<int>(scale.size(1));
    params.type = element_type(x);
    FLASHVSR_LAUNCH(dequantize_kv, x, params);
}

// Slices of one store to slices of another, each in the places of its moves.
std::vector<TensorCopy> copies_of(const KvCache::Store& from, const std::vector<Move>& from_moves,
                                  const KvCache::Store& to, const std::vector<Move>& to_moves,
                                  const WindowGrid& grid) {
    std::vector<TensorCopy> copies;
    for (size_t i = 0; i < from_moves.size(); ++i) {
        auto add = [&](const at::Tensor& source, const at::Tensor& target, int64_t rows) {
            copies.push_back({slice_of(source, from_moves[i].place, rows),
                              slice_of(target, to_moves[i].place, rows)});
        };
        add(from.k, to.k, grid.tokens());
        add(from.v, to.v, grid.tokens());
        add(from.k_scale, to.k_scale, grid.windows());
        add(from.v_scale, to.v_scale, grid.windows());
    }
    return copies;
}

}  // namespace

int64_t KvPass::bytes(const WindowGrid& grid, const KvCache::Format& format, int64_t kept,
                      const Placement& placement) {
    const SlotRing slots(kept);
    const bool e4m3 = std::find(format.e4m3.begin(), format.e4m3.end(), true) != format.e4m3.end();
    const int64_t element = placement.element_bytes();
    const int64_t ring = 2 * slots.capacity() * grid.tokens() * format.dim;
    switch (format.storage) {
        case KvStorage::kDevice: return 0;
        case KvStorage::kInt8: return ring * element;
        case KvStorage::kHost: return 3 * ring * (e4m3 ? 1 : element);
        case KvStorage::kHostInt8:
            return ring * element + KvCache::int8_bytes(grid, format.dim, 2 * slots.kept() + 2);
    }
    return 0;
}

KvPass::KvPass(const KvCache& cache)
    : cache_(cache), on_host_(keeps_on_host(cache.format().storage)) {
    if (!on_host_) return;
    cache_.copy_streams().prefetch.forget();
    for (CopyStream& stream : cache_.copy_streams().write_back) stream.forget();
}

const KvCache::Layer& KvPass::load(int64_t layer) {
    if (!cache_.is_stored(layer)) return cache_.layer(layer);
    if (on_host_) {
        if (layer == 0) begin_prefetch(layer);
        cache_.copy_streams().prefetch.join();
        // Frees what the layer before the last has staged, for the next one.
        cache_.copy_streams().write_back[layer % 2].join();
        if (layer + 1 < cache_.layers()) begin_prefetch(layer + 1);
    }
    if (!staging(layer).ring.k.defined()) make_ring(layer);
    if (cache_.store(layer).int8()) dequantize(layer);
    return staging(layer).ring;
}

void KvPass::save(int64_t layer) {
    if (!cache_.is_stored(layer)) return;
    const KvCache::Store& store = cache_.store(layer);
    if (on_host_) {
        begin_write_back(layer);
    } else {
        quantize(layer, cache_.outgoing(), store);
    }
    // A ring that is being copied from has to stay.
    if (store.int8()) staging(layer).ring = {};
}

void KvPass::finish() {
    if (on_host_)
        for (CopyStream& stream : cache_.copy_streams().write_back) stream.join();
    staging_ = {};
}

void KvPass::make_ring(int64_t layer) {
    const int64_t capacity = cache_.ring().capacity();
    staging(layer).ring = {cache_.empty_rows(layer, capacity), cache_.empty_rows(layer, capacity),
                           cache_.layer(layer).k_mean};
}

void KvPass::begin_prefetch(int64_t layer) {
    const KvCache::Store& store = cache_.store(layer);
    const std::vector<Move>& moves = cache_.incoming();
    staging(layer) = {};
    std::vector<TensorCopy> copies;
    if (store.int8()) {
        staging(layer).prefetched = cache_.empty_int8(static_cast<int64_t>(moves.size()));
        copies = copies_of(store, moves, staging(layer).prefetched, packed(moves), cache_.grid());
    } else {
        make_ring(layer);
        const int64_t rows = cache_.grid().tokens();
        const KvCache::Layer& ring = staging(layer).ring;
        for (const Move& move : moves) {
            copies.push_back(
                {slice_of(store.k, move.place, rows), slice_of(ring.k, move.slot, rows)});
            copies.push_back(
                {slice_of(store.v, move.place, rows), slice_of(ring.v, move.slot, rows)});
        }
    }
    cache_.copy_streams().prefetch.copy(copies);
}

void KvPass::begin_write_back(int64_t layer) {
    const KvCache::Store& store = cache_.store(layer);
    const std::vector<Move>& moves = cache_.outgoing();
    std::vector<TensorCopy> copies;
    if (store.int8()) {
        staging(layer).written_back = cache_.empty_int8(static_cast<int64_t>(moves.size()));
        quantize(layer, packed(moves), staging(layer).written_back);
        copies = copies_of(staging(layer).written_back, packed(moves), store, moves, cache_.grid());
    } else {
        const int64_t rows = cache_.grid().tokens();
        const KvCache::Layer& ring = staging(layer).ring;
        for (const Move& move : moves) {
            copies.push_back(
                {slice_of(ring.k, move.slot, rows), slice_of(store.k, move.place, rows)});
            copies.push_back(
                {slice_of(ring.v, move.slot, rows), slice_of(store.v, move.place, rows)});
        }
    }
    cache_.copy_streams().write_back[layer % 2].copy(copies);
}

void KvPass::dequantize(int64_t layer) {
    Staging& staged = staging(layer);
    const KvCache::Store& from = on_host_ ? staged.prefetched : cache_.store(layer);
    const std::vector<Move> moves = on_host_ ? packed(cache_.incoming()) : cache_.incoming();
    const int64_t tokens = cache_.grid().tokens(), windows = cache_.grid().windows();
    for (const Move& move : moves) {
        dequantize_slice(slice_of(from.k, move.place, tokens),
                         slice_of(from.k_scale, move.place, windows),
                         slice_of(staged.ring.k, move.slot, tokens));
        dequantize_slice(slice_of(from.v, move.place, tokens),
                         slice_of(from.v_scale, move.place, windows),
                         slice_of(staged.ring.v, move.slot, tokens));
    }
    staged.prefetched = {};
}

void KvPass::quantize(int64_t layer, const std::vector<Move>& moves,
                      const KvCache::Store& target) const {
    const KvCache::Layer& ring = staging_[layer % 3].ring;
    const int64_t tokens = cache_.grid().tokens(), windows = cache_.grid().windows();
    for (const Move& move : moves) {
        quantize_slice(slice_of(ring.k, move.slot, tokens), slice_of(target.k, move.place, tokens),
                       slice_of(target.k_scale, move.place, windows));
        quantize_slice(slice_of(ring.v, move.slot, tokens), slice_of(target.v, move.place, tokens),
                       slice_of(target.v_scale, move.place, windows));
    }
}

}  // namespace flashvsr
