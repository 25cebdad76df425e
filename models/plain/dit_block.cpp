// SPDX-License-Identifier: Apache-2.0
#include "models/plain/dit_block.h"

#include <c10/core/GradMode.h>

#include "models/attention.h"
#include "models/norm.h"

namespace flashvsr {
namespace {

at::Tensor window_means(const at::Tensor& x) {
    return x.view({-1, kWindowTokens, x.size(1)}).mean(1);
}

}  // namespace

DitBlock::DitBlock(Weights& weights, const std::string& prefix, const DitConfig& config,
                   const Placement& placement, const at::Tensor& time, const at::Tensor& context)
    : config_(config) {
    const int64_t dim = config.dim;
    auto linear = [&](const std::string& name, int64_t out, int64_t in) {
        return Linear::take(weights, prefix + name, out, in, placement);
    };
    auto vector = [&](const std::string& name) {
        return weights.take(prefix + name, {dim}, placement.options());
    };
    take_modulation(weights, prefix, placement, time);
    self_attn_ = {linear("self_attn.q", dim, dim),   linear("self_attn.k", dim, dim),
                  linear("self_attn.v", dim, dim),   linear("self_attn.o", dim, dim),
                  vector("self_attn.norm_q.weight"), vector("self_attn.norm_k.weight")};
    norm3_weight_ = vector("norm3.weight");
    norm3_bias_ = vector("norm3.bias");
    take_cross_attention(weights, prefix, placement, context);
    ffn_0_ = linear("ffn.0", config.ffn_dim, dim);
    ffn_2_ = linear("ffn.2", dim, config.ffn_dim);
}

void DitBlock::take_modulation(Weights& weights, const std::string& prefix,
                               const Placement& placement, const at::Tensor& time) {
    const at::Tensor sum =
        (weights.take(prefix + "modulation", {1, 6, config_.dim}, placement.options()) + time)
            .squeeze(0);
    attention_modulation_ = {sum[0].clone(), 1 + sum[1], sum[2].clone()};
    ffn_modulation_ = {sum[3].clone(), 1 + sum[4], sum[5].clone()};
}

void DitBlock::take_cross_attention(Weights& weights, const std::string& prefix,
                                    const Placement& placement, const at::Tensor& context) {
    const int64_t dim = config_.dim;
    const std::string name = prefix + "cross_attn.";
    auto linear = [&](const char* part) {
        return Linear::take(weights, name + part, dim, dim, placement);
    };
    auto vector = [&](const char* part) {
        return weights.take(name + part, {dim}, placement.options());
    };
    auto by_head = [&](const at::Tensor& x) {
        return x.view({1, x.size(0), config_.heads, kHeadDim}).transpose(1, 2).contiguous();
    };
    cross_attn_.q = linear("q");
    cross_attn_.o = linear("o");
    cross_attn_.norm_q = vector("norm_q.weight");
    cross_attn_.k = by_head(rms_norm(linear("k")(context), vector("norm_k.weight")));
    cross_attn_.v = by_head(linear("v")(context));
}

at::Tensor DitBlock::forward(const at::Tensor& x, const DitStep& step, const KvCache::Layer& cache,
                             DraftMask* mask) const {
    // Gate and residual in one operation: one rounding where the reference has two.
    const at::Tensor attended =
        at::addcmul(x, attend_windows(x, step, cache, mask), attention_modulation_.gate);
    const at::Tensor prompted = attended + attend_prompt(attended);
    return at::addcmul(prompted, feed_forward(prompted), ffn_modulation_.gate);
}

at::Tensor DitBlock::attend_windows(const at::Tensor& x, const DitStep& step,
                                    const KvCache::Layer& cache, DraftMask* mask) const {
    const at::Tensor u =
        layer_norm_modulate(x, attention_modulation_.scale, attention_modulation_.shift);

    const int64_t tokens = step.grid.tokens();
    const int64_t windows = step.grid.windows();
    const at::Tensor own_k = cache.k.narrow(0, step.first_slot * tokens, step.slices * tokens);
    rms_norm_rope_out(own_k, self_attn_.k(u), self_attn_.norm_k, step.rope);
    cache.v.narrow(0, step.first_slot * tokens, step.slices * tokens).copy_(self_attn_.v(u));
    cache.k_mean.narrow(0, step.first_slot * windows, step.slices * windows)
        .copy_(window_means(own_k));
    const at::Tensor plain_q = self_attn_.q(u);
    const at::Tensor q = at::empty_like(plain_q);
    rms_norm_rope_out(q, plain_q, self_attn_.norm_q, step.rope);

    const DraftMask drafted =
        draft_mask({window_means(q), cache.k_mean.narrow(0, 0, step.key_slices * windows),
                    step.local_mask, step.budget});
    if (mask) *mask = drafted;
    const at::Tensor k = cache.k.narrow(0, 0, step.key_slices * tokens);
    const at::Tensor v = cache.v.narrow(0, 0, step.key_slices * tokens);
    return self_attn_.o(c10::GradMode::is_enabled()
                            ? masked_attention(q, k, v, drafted.blocks)
                            : block_sparse_attention(q, k, v, block_lists(drafted.blocks)));
}

at::Tensor DitBlock::attend_prompt(const at::Tensor& x) const {
    const at::Tensor q = cross_attn_.q(layer_norm_affine(x, norm3_weight_, norm3_bias_));
    return cross_attn_.o(
        prompt_attention(rms_norm(q, cross_attn_.norm_q), cross_attn_.k, cross_attn_.v));
}

at::Tensor DitBlock::feed_forward(const at::Tensor& x) const {
    const at::Tensor u = layer_norm_modulate(x, ffn_modulation_.scale, ffn_modulation_.shift);
    return ffn_2_(at::gelu(ffn_0_(u), "tanh"));
}

int64_t DitBlock::parameters() const {
    int64_t count = norm3_weight_.numel() + norm3_bias_.numel() + cross_attn_.k.numel() +
                    cross_attn_.v.numel() + cross_attn_.norm_q.numel() + self_attn_.norm_q.numel() +
                    self_attn_.norm_k.numel() + 6 * config_.dim;
    for (const Linear* linear : {&self_attn_.q, &self_attn_.k, &self_attn_.v, &self_attn_.o,
                                 &cross_attn_.q, &cross_attn_.o, &ffn_0_, &ffn_2_})
        count += linear->weight.numel() + linear->bias.numel();
    return count;
}

}  // namespace flashvsr
