// SPDX-License-Identifier: Apache-2.0
#include "models/dit.h"

#include <algorithm>
#include <cmath>

#include "models/attention.h"
#include "models/draft_mask.h"
#include "models/error.h"
#include "models/fused/dit_block.h"
#include "models/fused/fold.h"
#include "models/kv_pass.h"
#include "models/norm.h"
#include "models/plain/dit_block.h"
#include "models/time_embedding.h"

namespace flashvsr {
namespace {

constexpr int64_t kPatch = 2;

// Where the constants of a stream are made: what is folded into weights is rounded with them, once.
Placement constants_of(Placement placement) {
    if (placement.fused()) placement.dtype = at::kFloat;
    return placement;
}

}  // namespace

Dit::State::State(const Dit& dit, const WindowGrid& grid, const SparseSettings& settings,
                  KvStorage storage)
    : grid(grid),
      rope(grid, dit.placement()),
      cache(grid, {dit.caches_e4m3(), dit.config().dim, storage},
            static_cast<int64_t>(settings.kv_ratio), dit.placement()),
      rope_table(
          at::empty({kFirstSlices * grid.tokens(), kHeadDim / 2, 2}, dit.placement().fp32())) {
    step.grid = grid;
    step.local_mask =
        at::empty({grid.windows(), grid.windows()}, dit.placement().options().dtype(at::kBool));
}

bool Dit::has_e4m3(const DitConfig& config, const Placement& placement, int64_t index) {
    return placement.fp8 != Fp8::kNone && placement.fused() && index != 0 &&
           index != config.layers - 1;
}

std::vector<bool> Dit::e4m3_caches(const DitConfig& config, const Placement& placement) {
    std::vector<bool> e4m3;
    for (int64_t i = 0; i < config.layers; ++i)
        e4m3.push_back(has_e4m3(config, placement, i) && placement.fp8 == Fp8::kAll);
    return e4m3;
}

// q, k, v and the feed-forward layers.
int64_t Dit::e4m3_weights(const DitConfig& config, const Placement& placement) {
    int64_t count = 0;
    for (int64_t i = 0; i < config.layers; ++i)
        if (has_e4m3(config, placement, i))
            count += 3 * config.dim * config.dim + 2 * config.dim * config.ffn_dim;
    return count;
}

// Tables of the rotary embedding: its own and a step's.
int64_t Dit::state_bytes(const WindowGrid& grid) {
    return (kFirstSlices + 1) * grid.tokens() * kHeadDim * static_cast<int64_t>(sizeof(float));
}

// x, and of a block the widest moment (models/fused/dit_block.cpp): norm, q beside k and q apart;
// or norm, projection, q and result of the attention to the prompt; or norm and hidden layer, a
// slice at a time.
int64_t Dit::working_bytes(const DitConfig& config, const Placement& placement,
                           const WindowGrid& grid) {
    const int64_t element = placement.element_bytes();
    const int64_t x = kFirstSlices * grid.tokens() * config.dim * element;
    const bool e4m3 = has_e4m3(config, placement, 1);
    const int64_t self = e4m3 && placement.fp8 == Fp8::kAll ? 7 * x : 4 * x;
    const int64_t cross = 5 * x;
    const int64_t slices = placement.fused() ? 1 : 2 * kFirstSlices;  // plain: and its GELU
    const int64_t hidden = slices * grid.tokens() * config.ffn_dim * (e4m3 ? 1 : element);
    const int64_t lists = 2 * config.heads * kFirstSlices * kFirstSlices * grid.windows() *
                          grid.windows() * static_cast<int64_t>(sizeof(int32_t));
    return x + lists + std::max({self, cross, x / kFirstSlices + hidden});
}

std::vector<bool> Dit::caches_e4m3() const {
    std::vector<bool> e4m3;
    for (const std::unique_ptr<const TransformerBlock>& block : blocks_)
        e4m3.push_back(block->caches_e4m3());
    return e4m3;
}

DitConfig Dit::config_from(const Weights& weights) {
    DitConfig config;
    config.dim = size_of(weights, "patch_embedding.weight", 0);
    config.latent_channels = size_of(weights, "patch_embedding.weight", 1);
    config.layers = count_of(weights, "blocks.");
    config.ffn_dim = size_of(weights, "blocks.0.ffn.0.weight", 0);
    config.text_dim = size_of(weights, "text_embedding.0.weight", 1);
    config.frequency_dim = size_of(weights, "time_embedding.0.weight", 1);
    if (config.dim % kHeadDim != 0 || config.dim == 0)
        throw Error(Error::Kind::kBadFormat, weights.source() + ": the width " +
                                                 std::to_string(config.dim) +
                                                 " is not a multiple of the head size 128");
    config.heads = config.dim / kHeadDim;
    return config;
}

Manifest Dit::manifest(const DitConfig& c) {
    Manifest m;
    auto linear = [&](const std::string& name, int64_t out, int64_t in) {
        m.push_back({name + ".weight", {out, in}});
        m.push_back({name + ".bias", {out}});
    };
    m.push_back({"patch_embedding.weight", {c.dim, c.latent_channels, 1, kPatch, kPatch}});
    m.push_back({"patch_embedding.bias", {c.dim}});
    linear("text_embedding.0", c.dim, c.text_dim);
    linear("text_embedding.2", c.dim, c.dim);
    linear("time_embedding.0", c.dim, c.frequency_dim);
    linear("time_embedding.2", c.dim, c.dim);
    linear("time_projection.1", 6 * c.dim, c.dim);
    for (int64_t i = 0; i < c.layers; ++i) {
        const std::string block = "blocks." + std::to_string(i) + ".";
        m.push_back({block + "modulation", {1, 6, c.dim}});
        for (const char* attention : {"self_attn.", "cross_attn."}) {
            for (const char* part : {"q", "k", "v", "o"})
                linear(block + attention + part, c.dim, c.dim);
            m.push_back({block + attention + "norm_q.weight", {c.dim}});
            m.push_back({block + attention + "norm_k.weight", {c.dim}});
        }
        m.push_back({block + "norm3.weight", {c.dim}});
        m.push_back({block + "norm3.bias", {c.dim}});
        linear(block + "ffn.0", c.ffn_dim, c.dim);
        linear(block + "ffn.2", c.dim, c.ffn_dim);
    }
    m.push_back({"head.modulation", {1, 2, c.dim}});
    linear("head.head", kPatch * kPatch * c.latent_channels, c.dim);
    return m;
}

Dit::Dit(Weights& weights, const at::Tensor& prompt, const Placement& placement,
         const std::function<void(double)>& progress)
    : config_(config_from(weights)), placement_(placement) {
    check(weights, manifest(config_));
    const int64_t channels = config_.latent_channels;
    const at::Tensor patches =
        weights.take("patch_embedding.weight", {config_.dim, channels, 1, kPatch, kPatch});
    patch_embedding_ = {placement.place(patches).view({config_.dim, -1}),
                        weights.take("patch_embedding.bias", {config_.dim}, placement.options())};
    const Placement constants = constants_of(placement);
    const Time time = embed_time(weights, constants);
    const at::Tensor context = embed_prompt(weights, prompt, constants);
    for (int64_t i = 0; i < config_.layers; ++i) {
        blocks_.push_back(take_block(weights, i, time.t_mod, context));
        progress(static_cast<double>(i + 1) / static_cast<double>(config_.layers));
    }
    take_head(weights, time.t_emb);
}

std::unique_ptr<TransformerBlock> Dit::take_block(Weights& weights, int64_t index,
                                                  const at::Tensor& time,
                                                  const at::Tensor& context) const {
    const std::string prefix = "blocks." + std::to_string(index) + ".";
    Placement placement = placement_;
    if (!has_e4m3(config_, placement_, index)) placement.fp8 = Fp8::kNone;
    if (placement.fused())
        return std::make_unique<FusedDitBlock>(weights, prefix, config_, placement, time, context);
    return std::make_unique<DitBlock>(weights, prefix, config_, placement_, time, context);
}

Dit::Time Dit::embed_time(Weights& weights, const Placement& placement) const {
    const int64_t dim = config_.dim;
    auto linear = [&](const char* name, int64_t out, int64_t in) {
        return Linear::take(weights, name, out, in, placement);
    };
    const Linear embedding_0 = linear("time_embedding.0", dim, config_.frequency_dim);
    const Linear embedding_2 = linear("time_embedding.2", dim, dim);
    const Linear projection = linear("time_projection.1", 6 * dim, dim);
    const at::Tensor wave = time_sinusoid(config_.frequency_dim).to(placement.options());
    Time time;
    time.t_emb = embedding_2(at::silu(embedding_0(wave)));
    time.t_mod = projection(at::silu(time.t_emb)).view({1, 6, dim});
    return time;
}

at::Tensor Dit::embed_prompt(Weights& weights, const at::Tensor& prompt,
                             const Placement& placement) const {
    const Linear embedding_0 =
        Linear::take(weights, "text_embedding.0", config_.dim, config_.text_dim, placement);
    const Linear embedding_2 =
        Linear::take(weights, "text_embedding.2", config_.dim, config_.dim, placement);
    if (prompt.dim() != 3 || prompt.size(0) != 1 || prompt.size(2) != config_.text_dim)
        throw Error(Error::Kind::kBadFormat,
                    "the prompt tensor should be [1, tokens, " + std::to_string(config_.text_dim) +
                        "]; use the posi_prompt.pth that belongs to this model");
    return embedding_2(at::gelu(embedding_0(placement.place(prompt[0])), "tanh"));
}

void Dit::take_head(Weights& weights, const at::Tensor& t_emb) {
    const int64_t dim = config_.dim;
    const Placement constants = constants_of(placement_);
    const at::Tensor sum =
        (weights.take("head.modulation", {1, 2, dim}, constants.options()) + t_emb.unsqueeze(1))
            .squeeze(0);
    const int64_t out = kPatch * kPatch * config_.latent_channels;
    const Linear head = Linear::take(weights, "head.head", out, dim, constants);
    if (!placement_.fused()) {
        head_ = {sum[0].clone(), 1 + sum[1], head};
        return;
    }
    const Linear folded = fold_input(head, 1 + sum[1], sum[0]);
    head_.head = {placement_.place(folded.weight), placement_.place(folded.bias)};
}

at::Tensor Dit::apply_head(const at::Tensor& x) const {
    return head_.head(head_.scale.defined() ? layer_norm_modulate(x, head_.scale, head_.shift)
                                            : layer_norm(x));
}

at::Tensor Dit::step(const at::Tensor& latents, const std::vector<at::Tensor>& lq_tokens,
                     const SparseSettings& settings, State& state, const MaskProbe& probe) const {
    begin_step(latents.size(1), settings, state);
    const at::Tensor velocity = run(latents, lq_tokens, state, probe);
    end_step(state);
    return velocity;
}

void Dit::begin_step(int64_t latent_frames, const SparseSettings& settings, State& state) const {
    state.cache.set_kept(static_cast<int64_t>(settings.kv_ratio));
    if (state.local_range != settings.local_range) {
        state.step.local_mask.copy_(local_windows(state.grid, settings.local_range));
        state.local_range = settings.local_range;
    }
    DitStep& step = state.step;
    step.slices = latent_frames / kWindowFrames;
    step.first_slot = state.cache.begin_step(step.slices);
    step.key_slices = static_cast<int64_t>(state.cache.ring().slots().size());
    step.rope = state.rope_table.narrow(0, 0, step.slices * state.grid.tokens());
    step.rope.copy_(state.rope.table(state.next_latent, step.slices));
    step.local_range = settings.local_range;
    step.budget = draft_mask_budget(state.grid, settings.sparse_ratio);
}

at::Tensor Dit::run(const at::Tensor& latents, const std::vector<at::Tensor>& lq_tokens,
                    const State& state, const MaskProbe& probe) const {
    at::Tensor x = patchify(latents, state.grid);
    KvPass pass(state.cache);
    for (size_t i = 0; i < blocks_.size(); ++i) {
        if (i < lq_tokens.size()) x.add_(lq_tokens[i]);
        DraftMask mask;
        const auto layer = static_cast<int64_t>(i);
        x = blocks_[i]->forward(x, state.step, pass.load(layer), probe ? &mask : nullptr);
        pass.save(layer);
        if (probe) probe(layer, mask, state.cache.ring().slots());
    }
    pass.finish();
    return unpatchify(apply_head(x), state.grid);
}

void Dit::end_step(State& state) const {
    state.cache.end_step();
    state.next_latent += state.step.slices * kWindowFrames;
}

// [16, f, 2h, 2w] -> [tokens, dim].
at::Tensor Dit::patchify(const at::Tensor& latents, const WindowGrid& grid) const {
    const at::Tensor patches = latents
                                   .view({config_.latent_channels, -1, grid.token_rows(), kPatch,
                                          grid.token_columns(), kPatch})
                                   .permute({1, 2, 4, 0, 3, 5})
                                   .reshape({-1, grid.token_rows(), grid.token_columns(),
                                             config_.latent_channels * kPatch * kPatch});
    return patch_embedding_(to_window_order(patches, grid));
}

// [tokens, 64] -> [16, f, 2h, 2w]; here the channel is the fastest of the 64, there the slowest.
at::Tensor Dit::unpatchify(const at::Tensor& x, const WindowGrid& grid) const {
    return from_window_order(x, grid)
        .view(
            {-1, grid.token_rows(), grid.token_columns(), kPatch, kPatch, config_.latent_channels})
        .permute({5, 0, 1, 3, 2, 4})
        .reshape({config_.latent_channels, -1, grid.token_rows() * kPatch,
                  grid.token_columns() * kPatch});
}

int64_t Dit::parameters() const {
    int64_t count = patch_embedding_.weight.numel() + patch_embedding_.bias.numel() +
                    head_.head.weight.numel() + head_.head.bias.numel();
    if (head_.scale.defined()) count += 2 * config_.dim;
    for (const auto& block : blocks_) count += block->parameters();
    return count;
}

}  // namespace flashvsr
