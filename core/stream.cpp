#include "core/stream.h"

#include <algorithm>
#include <cmath>

#ifdef FLASHVSR_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

#include "models/error.h"

namespace flashvsr {
namespace {

void require(bool condition, const char* message) {
    if (!condition) throw Error(Error::Kind::kInvalidArgument, message);
}

FlashvsrStreamConfig check_config(const FlashvsrStreamConfig& config, const at::Device& device) {
    check_frame_info(config.input, device);
    check_frame_info(config.output, device);
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
      config_(check_config(config, engine_->model().placement.device)),
      settings_(check_settings(config.settings)),
      queue_(engine_->model().placement.device),
      input_(config.input, config.output, engine_->model().placement),
      runner_(engine_->model(),
              WindowGrid::of_picture(input_.padded_height(), input_.padded_width()),
              config.output.height, config.output.width),
      output_(config.output, engine_->model().placement),
      stats_(FLASHVSR_STREAM_STATS_INIT) {}

void Stream::push(const FlashvsrFrame& frame) {
    const ComputeScope scope(queue_);
    check_frame(frame, config_.input, engine_->model().placement.device);
    input_.push(frame);
    ++frames_since_start_;
    ++stats_.frames_in;
    if (input_.missing() == 0) run_chunk(input_.outputs());
}

void Stream::run_chunk(int64_t wanted) {
    ChunkTime& time = times_[stats_.chunks % times_.size()];
    time.end.wait();
    time.begin.set(queue_);
    output_.emit(runner_.run(input_.take(queue_), config_.seed, settings_), input_.alpha(), wanted,
                 queue_);
    input_.advance(queue_);
    time.end.set(queue_);
    outputs_since_start_ += wanted;
    ++stats_.chunks;
}

bool Stream::pop(const FlashvsrFrame& frame) {
    const ComputeScope scope(queue_);
    check_frame(frame, config_.output, engine_->model().placement.device);
    if (output_.size() == 0) return false;
    output_.pop(frame);
    ++stats_.frames_out;
    return true;
}

bool Stream::drop() {
    if (output_.size() == 0) return false;
    output_.drop();
    ++stats_.frames_out;
    return true;
}

void Stream::drain() {
    const ComputeScope scope(queue_);
    while (outputs_since_start_ < frames_since_start_) {
        while (input_.missing() > 0) input_.repeat(queue_);
        run_chunk(std::min(input_.outputs(), frames_since_start_ - outputs_since_start_));
    }
    start_afresh();
}

void Stream::reset() {
    output_.clear();
    start_afresh();
}

void Stream::start_afresh() {
    runner_.restart();
    input_.start_afresh(queue_);
    frames_since_start_ = 0;
    outputs_since_start_ = 0;
}

void Stream::configure(const FlashvsrSettings& settings) { settings_ = check_settings(settings); }

FlashvsrStreamStats Stream::stats() const {
    FlashvsrStreamStats stats = stats_;
    for (uint64_t i = 0; i < std::min<uint64_t>(stats.chunks, times_.size()); ++i) {
        const ChunkTime& time = times_[(stats.chunks - 1 - i) % times_.size()];
        if (!time.end.passed()) continue;
        stats.last_chunk_ms = time.end.milliseconds_since(time.begin);
        break;
    }
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
