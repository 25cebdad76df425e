// SPDX-License-Identifier: Apache-2.0
// The diffusion transformer, one step at a time (docs/model.md section 6).
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <vector>

#include "models/checkpoint/weights.h"
#include "models/kv_cache.h"
#include "models/linear.h"
#include "models/manifest.h"
#include "models/placement.h"
#include "models/rope.h"
#include "models/transformer_block.h"

namespace flashvsr {

// What a caller may change between steps; see FlashvsrSettings.
struct SparseSettings {
    double sparse_ratio = 2.0;
    double kv_ratio = 3.0;
    int64_t local_range = 11;
};

class Dit {
  public:
    // What crosses steps.
    struct State {
        State(const Dit& dit, const WindowGrid& grid, const SparseSettings& settings,
              KvStorage storage = KvStorage::kDevice);

        WindowGrid grid;
        Rope rope;
        KvCache cache;
        int64_t next_latent = 0;  // latent frame, over the stream, at which the next step begins
        int64_t local_range = 0;  // that step.local_mask was made for
        DitStep step;             // the one under way; its tensors stay where they are
        at::Tensor rope_table;    // [3 * tokens, 64, 2], fp32; step.rope is its beginning
    };

    // Called per block with its draft mask and the ring slots of the key slices, oldest first.
    using MaskProbe = std::function<void(int64_t layer, const DraftMask& mask,
                                         const std::vector<int64_t>& slots)>;

    static Manifest manifest(const DitConfig& config);
    // Whether block `index` has layers in e4m3; the first and the last one have none, as they are
    // the most sensitive ones.
    static bool has_e4m3(const DitConfig& config, const Placement& placement, int64_t index);
    // Whether its keys and values are kept in e4m3, per block.
    static std::vector<bool> e4m3_caches(const DitConfig& config, const Placement& placement);
    // Weights that take a byte.
    static int64_t e4m3_weights(const DitConfig& config, const Placement& placement);
    // Bytes beside the KV cache that cross steps, and that a step holds at most beside the tokens
    // that it is given, for a picture or a tile.
    static int64_t state_bytes(const WindowGrid& grid);
    static int64_t working_bytes(const DitConfig& config, const Placement& placement,
                                 const WindowGrid& grid);

    // prompt: [1, prompt tokens, text_dim]. `progress` is called with the share of blocks loaded.
    Dit(Weights& weights, const at::Tensor& prompt, const Placement& placement,
        const std::function<void(double)>& progress);

    // Velocity for the next latent frames of the stream. latents: [16, f, H/8, W/8], f = 6 in the
    // first step and 2 later; lq_tokens: per projector layer, [f/2 * tokens, dim].
    at::Tensor step(const at::Tensor& latents, const std::vector<at::Tensor>& lq_tokens,
                    const SparseSettings& settings, State& state, const MaskProbe& probe) const;

    // The three parts of a step. Steps that agree in frames, slots, key slices, budget and the
    // cache's memory queue the same work in `run`, at the same addresses but for what it allocates,
    // and without waiting for the device: so it can be captured in a CUDA graph and replayed in
    // place of the call.
    void begin_step(int64_t latent_frames, const SparseSettings& settings, State& state) const;
    at::Tensor run(const at::Tensor& latents, const std::vector<at::Tensor>& lq_tokens,
                   const State& state, const MaskProbe& probe) const;
    void end_step(State& state) const;

    // Per block; see KvCache.
    std::vector<bool> caches_e4m3() const;

    const DitConfig& config() const { return config_; }
    const Placement& placement() const { return placement_; }
    int64_t parameters() const;

  private:
    // Constants of the one diffusion time step (docs/model.md section 4.1).
    struct Time {
        at::Tensor t_emb;  // [1, dim]
        at::Tensor t_mod;  // [1, 6, dim]
    };
    struct Head {
        at::Tensor shift,
            scale;  // [dim]; scale is 1 + c; undefined where `head` has them folded in
        Linear head;
    };

    static DitConfig config_from(const Weights& weights);
    Time embed_time(Weights& weights, const Placement& placement) const;
    at::Tensor embed_prompt(Weights& weights, const at::Tensor& prompt,
                            const Placement& placement) const;
    std::unique_ptr<TransformerBlock> take_block(Weights& weights, int64_t index,
                                                 const at::Tensor& time,
                                                 const at::Tensor& context) const;
    void take_head(Weights& weights, const at::Tensor& t_emb);
    at::Tensor apply_head(const at::Tensor& x) const;

    at::Tensor patchify(const at::Tensor& latents, const WindowGrid& grid) const;
    at::Tensor unpatchify(const at::Tensor& x, const WindowGrid& grid) const;

    DitConfig config_;
    Placement placement_;
    Linear patch_embedding_;  // 64 inputs in the order (channel, dy, dx)
    std::vector<std::unique_ptr<const TransformerBlock>> blocks_;
    Head head_;
};

}  // namespace flashvsr
