#include "models/fused/dit_block.h"

#include "models/fused/fold.h"
#include "models/norm.h"

namespace flashvsr {
namespace {

// Rows of the modulation (spec/flashvsr.md section 6, 3).
enum Modulation {
    kShiftAttention,
    kScaleAttention,
    kGateAttention,
    kShiftFfn,
    kScaleFfn,
    kGateFfn
};

// Where weights are while they are folded.
Placement unrounded(Placement placement) {
    placement.dtype = at::kFloat;
    return placement;
}

at::Tensor window_means(const at::Tensor& x) {
    return x.view({-1, kWindowTokens, x.size(1)}).mean(1);
}

}  // namespace

FusedDitBlock::FusedDitBlock(Weights& weights, const std::string& prefix, const DitConfig& config,
                             const Placement& placement, const at::Tensor& time,
                             const at::Tensor& context)
    : config_(config) {
    const at::Tensor modulation =
        (unrounded(placement).place(weights.take(prefix + "modulation", {1, 6, config.dim})) + time)
            .squeeze(0);
    take_attention(weights, prefix + "self_attn.", placement, modulation);
    take_cross_attention(weights, prefix, placement, context);
    take_ffn(weights, prefix + "ffn.", placement, modulation);
}

void FusedDitBlock::take_attention(Weights& weights, const std::string& prefix,
                                   const Placement& placement, const at::Tensor& modulation) {
    const int64_t dim = config_.dim;
    auto linear = [&](const char* part) {
        return Linear::take(weights, prefix + part, dim, dim, unrounded(placement));
    };
    auto modulated = [&](const Linear& linear) {
        return fold_input(linear, 1 + modulation[kScaleAttention], modulation[kShiftAttention]);
    };
    self_attn_.qk = {beside(modulated(linear("q")), modulated(linear("k"))), placement};
    self_attn_.v = {modulated(linear("v")), placement};
    self_attn_.o = {fold_output(linear("o"), modulation[kGateAttention]), placement};
    self_attn_.norm_q = placement.place(weights.take(prefix + "norm_q.weight", {dim}));
    self_attn_.norm_k = placement.place(weights.take(prefix + "norm_k.weight", {dim}));
}

void FusedDitBlock::take_cross_attention(Weights& weights, const std::string& prefix,
                                         const Placement& placement, const at::Tensor& context) {
    const int64_t dim = config_.dim;
    const std::string name = prefix + "cross_attn.";
    const Placement exact = unrounded(placement);
    auto linear = [&](const char* part) {
        return Linear::take(weights, name + part, dim, dim, exact);
    };
    auto vector = [&](const std::string& part) {
        return exact.place(weights.take(prefix + part, {dim}));
    };
    auto by_head = [&](const at::Tensor& x) {
        return placement.place(
            x.view({1, x.size(0), config_.heads, kHeadDim}).transpose(1, 2).contiguous());
    };
    cross_attn_.q = {fold_input(linear("q"), vector("norm3.weight"), vector("norm3.bias")),
                     placement};
    cross_attn_.o = {linear("o"), placement};
    cross_attn_.norm_q = placement.place(vector("cross_attn.norm_q.weight"));
    cross_attn_.k = by_head(rms_norm(linear("k")(context), vector("cross_attn.norm_k.weight")));
    cross_attn_.v = by_head(linear("v")(context));
}

void FusedDitBlock::take_ffn(Weights& weights, const std::string& prefix,
                             const Placement& placement, const at::Tensor& modulation) {
    const Linear first =
        Linear::take(weights, prefix + "0", config_.ffn_dim, config_.dim, unrounded(placement));
    const Linear second =
        Linear::take(weights, prefix + "2", config_.dim, config_.ffn_dim, unrounded(placement));
    ffn_0_ = {fold_input(first, 1 + modulation[kScaleFfn], modulation[kShiftFfn]), placement};
    ffn_2_ = {fold_output(second, modulation[kGateFfn]), placement};
}

at::Tensor FusedDitBlock::forward(const at::Tensor& x, const DitStep& step,
                                  const KvCache::Layer& cache, DraftMask* mask) const {
    attend_windows(x, step, cache, mask);
    attend_prompt(x);
    feed_forward(x, step.grid.tokens());
    return x;
}

void FusedDitBlock::attend_windows(const at::Tensor& x, const DitStep& step,
                                   const KvCache::Layer& cache, DraftMask* mask) const {
    const Queries queries = project(x, step, cache);
    const DraftMask drafted =
        draft_mask({queries.mean, cache.k_mean.narrow(0, 0, step.key_slices * step.grid.windows()),
                    step.allowed, step.budget});
    if (mask) *mask = drafted;
    const int64_t keys = step.key_slices * step.grid.tokens();
    self_attn_.o.add(
        block_sparse_attention(queries.q, cache.k.narrow(0, 0, keys), cache.v.narrow(0, 0, keys),
                               block_lists(drafted.blocks)),
        x);
}

FusedDitBlock::Queries FusedDitBlock::project(const at::Tensor& x, const DitStep& step,
                                              const KvCache::Layer& cache) const {
    const int64_t tokens = step.grid.tokens();
    const int64_t windows = step.grid.windows();
    const at::Tensor own_k = cache.k.narrow(0, step.first_slot * tokens, step.slices * tokens);
    const at::Tensor own_v = cache.v.narrow(0, step.first_slot * tokens, step.slices * tokens);
    const at::Tensor own_mean =
        cache.k_mean.narrow(0, step.first_slot * windows, step.slices * windows);

    const at::Tensor u = layer_norm(x);
    self_attn_.v.write(u, own_v);
    const at::Tensor qk = self_attn_.qk(u);
    Queries queries{at::empty_like(x), {}};
    rms_norm_rope_out(queries.q, qk.narrow(1, 0, config_.dim).contiguous(), self_attn_.norm_q,
                      step.rope);
    rms_norm_rope_out(own_k, qk.narrow(1, config_.dim, config_.dim).contiguous(), self_attn_.norm_k,
                      step.rope);
    queries.mean = window_means(queries.q);
    own_mean.copy_(window_means(own_k));
    return queries;
}

void FusedDitBlock::attend_prompt(const at::Tensor& x) const {
    const at::Tensor q = rms_norm(cross_attn_.q(layer_norm(x)), cross_attn_.norm_q);
    cross_attn_.o.add(prompt_attention(q, cross_attn_.k, cross_attn_.v), x);
}

// The hidden layer is six times as wide as x, so the first step takes it slice by slice.
void FusedDitBlock::feed_forward(const at::Tensor& x, int64_t tokens_at_once) const {
    for (const at::Tensor& part : x.split(tokens_at_once))
        ffn_2_.add(ffn_0_.gelu(layer_norm(part)), part);
}

int64_t FusedDitBlock::parameters() const {
    int64_t count = cross_attn_.k.numel() + cross_attn_.v.numel() + cross_attn_.norm_q.numel() +
                    self_attn_.norm_q.numel() + self_attn_.norm_k.numel();
    for (const FusedLinear* linear : {&self_attn_.qk, &self_attn_.v, &self_attn_.o, &cross_attn_.q,
                                      &cross_attn_.o, &ffn_0_, &ffn_2_})
        count += linear->parameters();
    return count;
}

}  // namespace flashvsr
