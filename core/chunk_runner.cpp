// SPDX-License-Identifier: Apache-2.0
#include "core/chunk_runner.h"

#include "core/noise.h"
#include "core/schedule.h"

namespace flashvsr {
namespace {

// Whether chunks under both settings queue the same work; strength comes after it.
bool same_work(const Settings& a, const Settings& b) {
    return a.sparse.sparse_ratio == b.sparse.sparse_ratio &&
           a.sparse.kv_ratio == b.sparse.kv_ratio && a.sparse.local_range == b.sparse.local_range &&
           a.color_fix == b.color_fix;
}

}  // namespace

ChunkRunner::ChunkRunner(Networks networks, int64_t height, int64_t width)
    : networks_(std::move(networks)),
      height_(height),
      width_(width),
      recorder_(networks_.model().placement.device, networks_.recordable()) {}

ChunkOutput ChunkRunner::run(const at::Tensor& frames, uint64_t seed, const Settings& settings) {
    const Model& model = networks_.model();
    // A new state lies elsewhere.
    if (!state_ || !same_work(settings, recorded_)) recorder_.clear();
    if (!state_) state_.emplace(networks_, settings.sparse);
    recorded_ = settings;
    ChunkInput input;
    input.frames = frames.to(model.placement.dtype);
    input.noise = make_noise(seed, state_->next_latent(), latent_frames(frames.size(0)),
                             model.dit.config().latent_channels, networks_.grid(), model.placement);
    input.height = height_;
    input.width = width_;
    return run_chunk(networks_, input, settings, *state_, recorder_);
}

}  // namespace flashvsr
