// SPDX-License-Identifier: Apache-2.0
// A transformer block of the DiT (docs/model.md section 6.3): what it takes and does.
#pragma once

#include <ATen/ATen.h>

#include "models/draft_mask.h"
#include "models/kv_cache.h"
#include "models/window.h"

namespace flashvsr {

struct DitConfig {
    int64_t dim = 0;  // heads * 128
    int64_t heads = 0;
    int64_t layers = 0;
    int64_t ffn_dim = 0;
    int64_t text_dim = 0;
    int64_t frequency_dim = 0;  // of the time sinusoid
    int64_t latent_channels = 0;
};

// What the 30 blocks of one step share.
struct DitStep {
    WindowGrid grid;
    int64_t slices = 0;       // of this step: 3 in the first, then 1
    int64_t first_slot = 0;   // ring slot of the first of them
    int64_t key_slices = 0;   // in the ring, this step's included
    at::Tensor rope;          // [slices * tokens, 64, 2], fp32
    at::Tensor local_mask;    // [windows, windows] bool, see local_windows
    int64_t budget = 0;       // see draft_mask_budget
    int64_t local_range = 0;  // of `local_mask`; 0: not known
};

class TransformerBlock {
  public:
    virtual ~TransformerBlock() = default;

    // x: [slices * tokens, dim]; returns what it becomes, which may be x itself, written over.
    // Writes this step's keys and values into `cache`. `mask`, if given, receives the draft mask,
    // key windows in slot order.
    virtual at::Tensor forward(const at::Tensor& x, const DitStep& step,
                               const KvCache::Layer& cache, DraftMask* mask) const = 0;

    // Whether its keys and values are cached in the form of fp8 attention; see KvCache.
    virtual bool caches_e4m3() const { return false; }
    virtual int64_t parameters() const = 0;
};

}  // namespace flashvsr
