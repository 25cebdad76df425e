// SPDX-License-Identifier: Apache-2.0
// A transformer block for 16-bit CUDA: the formulas of DitBlock with everything constant folded
// into the weights, x updated in place, and few passes over memory.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <string>

#include "models/attention.h"
#include "models/checkpoint/weights.h"
#include "models/fused/linear.h"
#include "models/placement.h"
#include "models/transformer_block.h"

namespace flashvsr {

class FusedDitBlock : public TransformerBlock {
  public:
    // As DitBlock's, but `time` and `context` are fp32.
    FusedDitBlock(Weights& weights, const std::string& prefix, const DitConfig& config,
                  const Placement& placement, const at::Tensor& time, const at::Tensor& context);

    // Writes over x and returns it. On CUDA, queues kernels and nothing else.
    at::Tensor forward(const at::Tensor& x, const DitStep& step, const KvCache::Layer& cache,
                       DraftMask* mask) const override;

    bool caches_e4m3() const override { return e4m3_.has_value(); }
    int64_t parameters() const override;

  private:
    // Each has the norm before it folded in, o and ffn_2 the gate after them.
    struct SelfAttention {
        FusedLinear qk;  // q beside k
        FusedLinear v, o;
        at::Tensor norm_q, norm_k;  // [dim]
    };
    struct CrossAttention {
        FusedLinear q, o;
        at::Tensor norm_q;  // [dim]
        at::Tensor k, v;    // of the prompt: [1, heads, prompt tokens, 128]
    };
    struct Queries {
        at::Tensor q;     // [slices * tokens, dim]
        at::Tensor mean;  // [slices * windows, dim]
    };

    void take_attention(Weights& weights, const std::string& prefix, const Placement& placement,
                        const at::Tensor& modulation);
    void take_cross_attention(Weights& weights, const std::string& prefix,
                              const Placement& placement, const at::Tensor& context);
    void take_ffn(Weights& weights, const std::string& prefix, const Placement& placement,
                  const at::Tensor& modulation);

    // Each adds its branch to x.
    void attend_windows(const at::Tensor& x, const DitStep& step, const KvCache::Layer& cache,
                        DraftMask* mask) const;
    void attend_prompt(const at::Tensor& x) const;
    void feed_forward(const at::Tensor& x, int64_t tokens_at_once) const;

    // v of this step to e4m3, into the cache's slots own_v.
    void store_values_e4m3(const at::Tensor& v, const at::Tensor& own_v) const;

    // Queries of this step; its keys, their means and its values go into the cache.
    Queries project(const at::Tensor& x, const DitStep& step, const KvCache::Layer& cache) const;
    // The keys go to k, [slices * tokens, dim]. Both in e4m3 where attention is.
    Queries prepare(const at::Tensor& qk, const at::Tensor& k, const DitStep& step,
                    const KvCache::Layer& cache) const;

    DitConfig config_;
    SelfAttention self_attn_;
    // The scales of attention in e4m3; empty in 16 bits. They follow from the weights, as nothing
    // in front of the norms can make any element larger.
    std::optional<E4m3Scales> e4m3_;
    CrossAttention cross_attn_;
    FusedLinear ffn_0_, ffn_2_;
};

}  // namespace flashvsr
