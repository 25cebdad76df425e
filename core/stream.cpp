#include "core/stream.h"

#include <chrono>
#include <cmath>

#ifdef FLASHVSR_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

#include "core/noise.h"
#include "models/error.h"

namespace flashvsr {
namespace {

constexpr int64_t kFirstInput = FLASHVSR_FIRST_CHUNK_INPUT;
constexpr int64_t kFirstOutput = FLASHVSR_FIRST_CHUNK_OUTPUT;
constexpr int64_t kChunk = FLASHVSR_CHUNK;
constexpr int64_t kLookAhead = kFirstInput - kFirstOutput;

void require(bool condition, const char* message) {
    if (!condition) throw Error(Error::Kind::kInvalidArgument, message);
}

FlashvsrStreamConfig check_config(const FlashvsrStreamConfig& config) {
    check_frame_info(config.input);
    check_frame_info(config.output);
    return config;
}

ColorFix color_fix(FlashvsrColorFix method) {
    switch (method) {
        case FLASHVSR_COLOR_FIX_NONE: return ColorFix::kNone;
        case FLASHVSR_COLOR_FIX_ADAIN: return ColorFix::kAdain;
        case FLASHVSR_COLOR_FIX_WAVELET: return ColorFix::kWavelet;
    }
    throw Error(Error::Kind::kInvalidArgument, "unknown color_fix");
}

}  // namespace

Settings check_settings(const FlashvsrSettings& in) {
    require(std::isfinite(in.sparse_ratio) && in.sparse_ratio > 0.0,
            "sparse_ratio must be greater than 0");
    require(in.kv_ratio >= 1.0 && in.kv_ratio <= 64.0, "kv_ratio must lie within 1 and 64");
    require(in.local_range >= 1 && in.local_range <= 1023,
            "local_range must lie within 1 and 1023");
    require(in.strength >= 0.0 && in.strength <= 1.0, "strength must lie within 0 and 1");
    Settings out;
    out.sparse = {in.sparse_ratio, in.kv_ratio, in.local_range};
    out.color_fix = color_fix(in.color_fix);
    out.strength = in.strength;
    return out;
}

Stream::Stream(std::shared_ptr<const Engine> engine, const FlashvsrStreamConfig& config)
    : engine_(std::move(engine)),
      config_(check_config(config)),
      settings_(check_settings(config.settings)),
      queue_(engine_->model().placement.device),
      reader_(config.input, config.output, engine_->model().placement),
      stats_(FLASHVSR_STREAM_STATS_INIT) {}

void Stream::push(const FlashvsrFrame& frame) {
    check_frame(frame, config_.input);
    const ComputeScope scope(queue_);
    const FrameReader::Resized resized = reader_.read(frame);
    waiting_.push_back(resized.rgb);
    alpha_.push_back(resized.alpha);
    ++frames_since_start_;
    ++stats_.frames_in;
    if (missing() == 0) run_chunk(state_ ? kChunk : kFirstOutput);
}

int64_t Stream::missing() const {
    const int64_t needed = state_ ? kLookAhead + kChunk : kFirstInput;
    return needed - static_cast<int64_t>(waiting_.size());
}

void Stream::run_chunk(int64_t wanted) {
    const auto begin = std::chrono::steady_clock::now();
    const Model& model = engine_->model();
    const WindowGrid grid = WindowGrid::of_picture(reader_.padded_height(), reader_.padded_width());
    if (!state_)
        state_.emplace(NetworkState{{}, Dit::State(model.dit, grid, settings_.sparse), {}});

    ChunkInput input;
    input.frames = take_frames();
    input.noise =
        make_noise(config_.seed, state_->dit.next_latent, latent_frames(input.frames.size(0)),
                   model.dit.config().latent_channels, grid, model.placement);
    input.height = config_.output.height;
    input.width = config_.output.width;
    emit(finished_frames(flashvsr::run_chunk(model, input, settings_, *state_, nullptr)), wanted);

    ++stats_.chunks;
    stats_.last_chunk_ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

// All waiting frames as one tensor; the last ones stay, since their output is owed by the next.
at::Tensor Stream::take_frames() {
    const at::Tensor frames =
        at::stack(std::vector<at::Tensor>(waiting_.begin(), waiting_.end()), 0);
    waiting_.erase(waiting_.begin(), waiting_.end() - kLookAhead);
    return frames;
}

void Stream::emit(const at::Tensor& frames, int64_t wanted) {
    for (int64_t i = 0; i < wanted; ++i) {
        ready_.push_back({frames[i].contiguous(), alpha_.front()});
        alpha_.pop_front();
    }
    outputs_since_start_ += wanted;
}

bool Stream::pop(const FlashvsrFrame& frame) {
    check_frame(frame, config_.output);
    if (ready_.empty()) return false;
    const ComputeScope scope(queue_);
    write_frame(ready_.front().rgb, ready_.front().alpha, frame);
    ready_.pop_front();
    ++stats_.frames_out;
    return true;
}

bool Stream::drop() {
    if (ready_.empty()) return false;
    ready_.pop_front();
    ++stats_.frames_out;
    return true;
}

void Stream::drain() {
    const ComputeScope scope(queue_);
    while (outputs_since_start_ < frames_since_start_) {
        const at::Tensor last = waiting_.back();
        for (int64_t i = missing(); i > 0; --i) waiting_.push_back(last);
        const int64_t given = state_ ? kChunk : kFirstOutput;
        run_chunk(std::min(given, frames_since_start_ - outputs_since_start_));
    }
    start_afresh();
}

void Stream::reset() {
    ready_.clear();
    start_afresh();
}

void Stream::start_afresh() {
    state_.reset();
    waiting_.clear();
    alpha_.clear();
    frames_since_start_ = 0;
    outputs_since_start_ = 0;
}

void Stream::configure(const FlashvsrSettings& settings) { settings_ = check_settings(settings); }

FlashvsrStreamStats Stream::stats() const {
    FlashvsrStreamStats stats = stats_;
#ifdef FLASHVSR_CUDA
    const at::Device device = engine_->model().placement.device;
    if (device.is_cuda())
        stats.device_bytes =
            static_cast<uint64_t>(c10::cuda::CUDACachingAllocator::getDeviceStats(device.index())
                                      .allocated_bytes[0]
                                      .current);
#endif
    return stats;
}

}  // namespace flashvsr
