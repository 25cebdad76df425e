#include "core/chunk_runner.h"

#include "core/noise.h"

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

ChunkOutput ChunkRunner::run(const at::Tensor& given, uint64_t seed, const Settings& settings) {
    const at::Tensor frames = given.to(networks_.model().placement.dtype);
    const bool first = !state_;
    if (first) {
        recorder_.clear();  // the new state lies elsewhere
        state_.emplace(networks_, settings.sparse);
    }
    const Model& model = networks_.model();
    ChunkInput input;
    input.frames = frames;
    input.noise = make_noise(seed, state_->next_latent(), latent_frames(frames.size(0)),
                             model.dit.config().latent_channels, networks_.grid(), model.placement);
    input.height = height_;
    input.width = width_;
    begin_chunk(networks_, input, settings, *state_);
    const ChunkOutput output = first ? output_from(recorder_.run(work(input, settings)), settings)
                                     : run_steady(input, settings);
    end_chunk(networks_, *state_);
    return output;
}

GraphRecorder::Work ChunkRunner::work(const ChunkInput& input, const Settings& settings) {
    return [this, &input, &settings]() -> std::vector<at::Tensor> {
        const ChunkOutput output = compute_chunk(networks_, input, settings, *state_, nullptr);
        return {output.frames.decoded, output.frames.reference, output.affine, output.finite};
    };
}

ChunkOutput ChunkRunner::output_from(const std::vector<at::Tensor>& results,
                                     const Settings& settings) const {
    return {{results[0], results[1], height_, width_}, results[2], settings.strength, results[3]};
}

ChunkOutput ChunkRunner::run_steady(const ChunkInput& input, const Settings& settings) {
    if (!same_work(settings, recorded_)) recorder_.clear();
    recorded_ = settings;
    if (!steady_.frames.defined()) {
        steady_ = input;
        steady_.frames = at::empty_like(input.frames);
        steady_.noise = at::empty_like(input.noise);
    }
    steady_.frames.copy_(input.frames);
    steady_.noise.copy_(input.noise);
    // A long ring still fills when its first slots are written: the same slot then sees fewer keys.
    const DitStep& step = state_->tiles.front().dit.step;  // all tiles' are alike
    const int64_t place = state_->tiles.front().dit.cache.first_place();
    const int64_t phase = place << 32 | step.first_slot << 16 | step.key_slices;
    return output_from(recorder_.run(phase, work(steady_, settings)), settings);
}

}  // namespace flashvsr
