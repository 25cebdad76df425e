// SPDX-License-Identifier: Apache-2.0
#include "models/fused/dit_block.h"

#include "kernels/attention_e4m3.h"
#include "kernels/qk_prepare.h"
#include "models/fused/e4m3.h"
#include "models/fused/fold.h"
#include "models/kernel_args.h"
#include "models/norm.h"
#include "models/stage.h"

namespace flashvsr {
namespace {

// Rows of the modulation (docs/model.md section 6.3).
enum Modulation {
    kShiftAttention,
    kScaleAttention,
    kGateAttention,
    kShiftFfn,
    kScaleFfn,
    kGateFfn
};

// What of a block is e4m3 where its placement says so. The layers that read an attention's output
// stay in 16 bits: they are small, and that output would have to be rounded in a pass of its own.
struct Fp8Layers {
    bool self_attention;   // q, k, v
    bool cross_attention;  // q
    bool feed_forward;     // both
};
constexpr Fp8Layers kFp8Layers = {true, true, true};

// Where weights are while they are folded.
Placement unrounded(Placement placement) {
    placement.dtype = at::kFloat;
    return placement;
}

// A layer that reads layer_norm_for(it, x).
FusedLinear after_norm(const Linear& linear, const Placement& placement, bool e4m3) {
    if (!e4m3) return {linear, placement};
    return {linear, placement, at::full({1}, 1 / kNormE4m3Scale, placement.fp32())};
}

at::Tensor layer_norm_for(const FusedLinear& linear, const at::Tensor& x) {
    return staged("norms", [&] {
        return linear.takes_e4m3() ? layer_norm_e4m3(x, kNormE4m3Scale) : layer_norm(x);
    });
}

}  // namespace

FusedDitBlock::FusedDitBlock(Weights& weights, const std::string& prefix, const DitConfig& config,
                             const Placement& placement, const at::Tensor& time,
                             const at::Tensor& context)
    : config_(config) {
    const at::Tensor modulation =
        (weights.take(prefix + "modulation", {1, 6, config.dim}, unrounded(placement).options()) +
         time)
            .squeeze(0);
    take_attention(weights, prefix + "self_attn.", placement, modulation);
    take_cross_attention(weights, prefix, placement, context);
    take_ffn(weights, prefix + "ffn.", placement, modulation);
}

void FusedDitBlock::take_attention(Weights& weights, const std::string& prefix,
                                   const Placement& placement, const at::Tensor& modulation) {
    const int64_t dim = config_.dim;
    const bool e4m3 = placement.fp8 != Fp8::kNone && kFp8Layers.self_attention;
    auto linear = [&](const char* part) {
        return Linear::take(weights, prefix + part, dim, dim, unrounded(placement));
    };
    auto modulated = [&](const Linear& linear) {
        return fold_input(linear, 1 + modulation[kScaleAttention], modulation[kShiftAttention]);
    };
    self_attn_.qk =
        after_norm(concat_rows(modulated(linear("q")), modulated(linear("k"))), placement, e4m3);
    const Linear v = linear("v");
    self_attn_.v = after_norm(modulated(v), placement, e4m3);
    self_attn_.o = {fold_output(linear("o"), modulation[kGateAttention]), placement};
    self_attn_.norm_q = weights.take(prefix + "norm_q.weight", {dim}, placement.options());
    self_attn_.norm_k = weights.take(prefix + "norm_k.weight", {dim}, placement.options());
    if (placement.fp8 != Fp8::kAll) return;
    e4m3_ = {bound_after_rms_norm(self_attn_.norm_q) / kLargestE4m3,
             bound_after_rms_norm(self_attn_.norm_k) / kLargestE4m3,
             bound_after_norm(modulated(v)).item<float>() / kLargestE4m3};
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
        return weights.take(prefix + part, {dim}, exact.options());
    };
    auto by_head = [&](const at::Tensor& x) {
        return placement.place(
            x.view({1, x.size(0), config_.heads, kHeadDim}).transpose(1, 2).contiguous());
    };
    cross_attn_.q =
        after_norm(fold_input(linear("q"), vector("norm3.weight"), vector("norm3.bias")), placement,
                   placement.fp8 != Fp8::kNone && kFp8Layers.cross_attention);
    cross_attn_.o = {linear("o"), placement};
    cross_attn_.norm_q = placement.place(vector("cross_attn.norm_q.weight"));
    cross_attn_.k = by_head(rms_norm(linear("k")(context), vector("cross_attn.norm_k.weight")));
    cross_attn_.v = by_head(linear("v")(context));
}

void FusedDitBlock::take_ffn(Weights& weights, const std::string& prefix,
                             const Placement& placement, const at::Tensor& modulation) {
    const bool e4m3 = placement.fp8 != Fp8::kNone && kFp8Layers.feed_forward;
    const Linear first = fold_input(
        Linear::take(weights, prefix + "0", config_.ffn_dim, config_.dim, unrounded(placement)),
        1 + modulation[kScaleFfn], modulation[kShiftFfn]);
    const Linear second = fold_output(
        Linear::take(weights, prefix + "2", config_.dim, config_.ffn_dim, unrounded(placement)),
        modulation[kGateFfn]);
    ffn_0_ = after_norm(first, placement, e4m3);
    if (e4m3) {
        const at::Tensor largest = bound_after_norm(first);  // GELU makes nothing larger
        ffn_0_.store_e4m3(kLargestE4m3 / largest);
        ffn_2_ = {second, placement, largest / kLargestE4m3};
    } else {
        ffn_2_ = {second, placement};
    }
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
    const int64_t keys = step.key_slices * step.grid.tokens();
    const int64_t windows = step.key_slices * step.grid.windows();
    const BlockLists lists = staged("draft mask", [&] {
        return draft_lists({queries.mean, cache.k_mean.narrow(0, 0, windows), step.local_mask,
                            step.budget, step.local_range * step.local_range},
                           mask);
    });
    const at::Tensor attended = staged("sparse attention", [&] {
        const at::Tensor k = cache.k.narrow(0, 0, keys);
        const at::Tensor v = cache.v.narrow(0, 0, keys);
        return e4m3_ ? block_sparse_attention_e4m3(queries.q, k, v, *e4m3_, lists, x.scalar_type())
                     : block_sparse_attention(queries.q, k, v, lists);
    });
    staged("self projections", [&] { self_attn_.o.add(attended, x); });
}

FusedDitBlock::Queries FusedDitBlock::project(const at::Tensor& x, const DitStep& step,
                                              const KvCache::Layer& cache) const {
    const int64_t tokens = step.grid.tokens();
    const at::Tensor own_k = cache.k.narrow(0, step.first_slot * tokens, step.slices * tokens);
    const at::Tensor own_v = cache.v.narrow(0, step.first_slot * tokens, step.slices * tokens);
    const at::Tensor v = e4m3_ ? at::empty_like(x) : own_v;
    const at::Tensor u = layer_norm_for(self_attn_.qk, x);
    const at::Tensor qk = staged("self projections", [&] {
        self_attn_.v.write(u, v);
        return self_attn_.qk(u);
    });
    return staged("q and k", [&] {
        if (e4m3_) store_values_e4m3(v, own_v);
        return prepare(qk, own_k, step, cache);
    });
}

void FusedDitBlock::store_values_e4m3(const at::Tensor& v, const at::Tensor& own_v) const {
    kernels::AttentionE4m3 params;
    params.v = v.const_data_ptr();
    params.v_e4m3 = own_v.mutable_data_ptr();
    params.v_scale = e4m3_->v;
    params.windows = static_cast<int>(v.size(0) / kWindowTokens);
    params.heads = static_cast<int>(config_.heads);
    params.type = element_type(v);
    FLASHVSR_LAUNCH(attention_e4m3, v, params);
}

FusedDitBlock::Queries FusedDitBlock::prepare(const at::Tensor& qk, const at::Tensor& k,
                                              const DitStep& step,
                                              const KvCache::Layer& cache) const {
    const int64_t tokens = step.grid.tokens();
    const int64_t windows = step.grid.windows();
    const at::ScalarType type = e4m3_ ? at::kFloat8_e4m3fn : qk.scalar_type();
    const Queries queries{at::empty({step.slices * tokens, config_.dim}, qk.options().dtype(type)),
                          at::empty({step.slices * windows, config_.dim}, qk.options())};
    kernels::QkPrepare params;
    params.qk = qk.const_data_ptr();
    params.row_stride = qk.stride(0);
    params.norm_q = self_attn_.norm_q.const_data_ptr();
    params.norm_k = self_attn_.norm_k.const_data_ptr();
    params.cos_sin = step.rope.const_data_ptr<float>();
    params.q = queries.q.mutable_data_ptr();
    params.k = k.mutable_data_ptr();
    params.q_mean = queries.mean.mutable_data_ptr();
    params.k_mean = cache.k_mean.narrow(0, step.first_slot * windows, windows).mutable_data_ptr();
    if (e4m3_) {
        params.q_scale = e4m3_->q;
        params.k_scale = e4m3_->k;
    }
    params.windows = static_cast<int>(step.slices * windows);
    params.dim = static_cast<int>(config_.dim);
    params.eps = static_cast<float>(kNormEps);
    params.type = element_type(qk);
    FLASHVSR_LAUNCH(qk_prepare, qk, params);
    return queries;
}

void FusedDitBlock::attend_prompt(const at::Tensor& x) const {
    const at::Tensor u = layer_norm_for(cross_attn_.q, x);
    const at::Tensor projected = staged("cross projections", [&] { return cross_attn_.q(u); });
    const at::Tensor q = staged("norms", [&] { return rms_norm(projected, cross_attn_.norm_q); });
    const at::Tensor attended = staged(
        "cross attention", [&] { return prompt_attention(q, cross_attn_.k, cross_attn_.v); });
    staged("cross projections", [&] { cross_attn_.o.add(attended, x); });
}

// The hidden layer is six times as wide as x, so the first step takes it slice by slice.
void FusedDitBlock::feed_forward(const at::Tensor& x, int64_t tokens_at_once) const {
    for (const at::Tensor& part : x.split(tokens_at_once)) {
        const at::Tensor u = layer_norm_for(ffn_0_, part);
        staged("feed forward", [&] { ffn_2_.add(ffn_0_.gelu(u), part); });
    }
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
