// SPDX-License-Identifier: Apache-2.0
// A transformer block in LibTorch's operations: the reference for the fused one, for the CPU, for
// fp32 and for training.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "models/checkpoint/weights.h"
#include "models/linear.h"
#include "models/placement.h"
#include "models/transformer_block.h"

namespace flashvsr {

class DitBlock : public TransformerBlock {
  public:
    // time: t_mod, [1, 6, dim]; context: embedded prompt, [prompt tokens, dim]; both constant over
    // a stream, so what follows from them is made once, here.
    DitBlock(Weights& weights, const std::string& prefix, const DitConfig& config,
             const Placement& placement, const at::Tensor& time, const at::Tensor& context);

    at::Tensor forward(const at::Tensor& x, const DitStep& step, const KvCache::Layer& cache,
                       DraftMask* mask) const override;

    int64_t parameters() const override;

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
