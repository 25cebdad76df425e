// One transformer block of the DiT (spec/flashvsr.md section 6, step 3).
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "models/checkpoint/weights.h"
#include "models/draft_mask.h"
#include "models/kv_cache.h"
#include "models/linear.h"
#include "models/placement.h"
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
    int64_t slices = 0;      // of this step: 3 in the first, then 1
    int64_t first_slot = 0;  // ring slot of the first of them
    int64_t key_slices = 0;  // in the ring, this step's included
    at::Tensor rope;         // [slices * tokens, 64, 2], fp32
    at::Tensor allowed;      // [windows, windows] bool, see local_windows
    int64_t budget = 0;      // see draft_mask_budget
};

class DitBlock {
  public:
    // time: t_mod, [1, 6, dim]; context: embedded prompt, [prompt tokens, dim]; both constant over
    // a stream, so what follows from them is made once, here.
    DitBlock(Weights& weights, const std::string& prefix, const DitConfig& config,
             const Placement& placement, const at::Tensor& time, const at::Tensor& context);

    // x: [slices * tokens, dim]. Writes this step's keys and values into `cache`. `mask`, if given,
    // receives the draft mask, key windows in slot order.
    at::Tensor forward(const at::Tensor& x, const DitStep& step, const KvCache::Layer& cache,
                       DraftMask* mask) const;

    int64_t parameters() const;

  private:
    struct SelfAttention {
        Linear q, k, v, o;
        at::Tensor norm_q, norm_k;  // [dim]
    };
    struct CrossAttention {
        Linear q, o;
        at::Tensor norm_q;  // [dim]
        at::Tensor k, v;    // of the prompt: [1, heads, prompt tokens, 128]
    };
    // Adaptive norm and gate of a residual branch, [dim] each; scale is 1 + c.
    struct Modulation {
        at::Tensor shift, scale, gate;
    };

    void take_modulation(Weights& weights, const std::string& prefix, const Placement& placement,
                         const at::Tensor& time);
    void take_cross_attention(Weights& weights, const std::string& prefix,
                              const Placement& placement, const at::Tensor& context);

    at::Tensor attend_windows(const at::Tensor& x, const DitStep& step, const KvCache::Layer& cache,
                              DraftMask* mask) const;
    at::Tensor attend_prompt(const at::Tensor& x) const;
    at::Tensor feed_forward(const at::Tensor& x) const;

    DitConfig config_;
    Modulation attention_modulation_;
    Modulation ffn_modulation_;
    SelfAttention self_attn_;
    at::Tensor norm3_weight_, norm3_bias_;
    CrossAttention cross_attn_;
    Linear ffn_0_, ffn_2_;
};

}  // namespace flashvsr
