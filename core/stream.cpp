// SPDX-License-Identifier: Apache-2.0
#include "core/stream.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#ifdef FLASHVSR_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

#include "core/log.h"
#include "core/precision.h"
#include "core/schedule.h"
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

Tiling check_tiling(const FlashvsrTiling& in) {
    constexpr int32_t kMax = 16384;
    Tiling out;
    out.dit = in.tile_dit != 0;
    out.vae = in.tile_vae != 0;
    if (!out.dit && !out.vae) return out;
    require(in.tile_size >= 1 && in.tile_size <= kMax, "tile_size must lie within 1 and 16384");
    require(in.overlap >= 0 && in.overlap <= kMax, "overlap must lie within 0 and 16384");
    out.size = windows_over(in.tile_size);
    out.overlap = std::max<int64_t>(windows_over(in.overlap), 1);
    if (out.overlap >= out.size)
        throw Error(
            Error::Kind::kBadSettings,
            "overlap " + std::to_string(in.overlap) + " is " +
                std::to_string(out.overlap * kWindowPixels) +
                " pixels in multiples of 128, and a tile of tile-size " +
                std::to_string(in.tile_size) + " has " + std::to_string(out.size * kWindowPixels) +
                "; set tile-size to at least " + std::to_string((out.overlap + 1) * kWindowPixels) +
                (out.size > 1
                     ? ", or overlap to at most " + std::to_string((out.size - 1) * kWindowPixels)
                     : ""));
    return out;
}

namespace {

KvStorage kv_storage(FlashvsrKvMemory memory, FlashvsrKvType type) {
    require(memory == FLASHVSR_KV_MEMORY_DEVICE || memory == FLASHVSR_KV_MEMORY_HOST,
            "unknown kv_memory");
    require(type == FLASHVSR_KV_TYPE_COMPUTED || type == FLASHVSR_KV_TYPE_INT8, "unknown kv_type");
    const bool int8 = type == FLASHVSR_KV_TYPE_INT8;
    if (memory == FLASHVSR_KV_MEMORY_HOST) return int8 ? KvStorage::kHostInt8 : KvStorage::kHost;
    return int8 ? KvStorage::kInt8 : KvStorage::kDevice;
}

// How the stream is to run on what memory there is.
MemoryPlan plan_stream(const Model& model, const FlashvsrStreamConfig& config,
                       const Settings& settings) {
    require(config.memory_policy == FLASHVSR_MEMORY_POLICY_STRICT ||
                config.memory_policy == FLASHVSR_MEMORY_POLICY_AUTO,
            "unknown memory_policy");
    MemoryQuery query = memory_query(model, config.input, config.output);
    query.kept = static_cast<int64_t>(settings.sparse.kv_ratio);
    query.wavelet = settings.color_fix == ColorFix::kWavelet;
    query.storage = kv_storage(config.kv_memory, config.kv_type);
    query.tiling = check_tiling(config.tiling);
    const at::Device device = model.placement.device;
    const auto limit = static_cast<int64_t>(
        std::min<uint64_t>(config.memory_limit, std::numeric_limits<int64_t>::max()));
    limit_allocator(device, limit);
    MemoryPlan plan = plan_memory(query, free_memory(device, limit, estimate_memory(query).weights),
                                  config.memory_policy == FLASHVSR_MEMORY_POLICY_AUTO);
    if (!plan.changes.empty())
        log_line(LogLevel::kInfo, "to fit into " + in_gib(plan.free.bytes) +
                                      " of free memory, memory=auto has set " + plan.changes);
    return plan;
}

}  // namespace

Stream::Stream(std::shared_ptr<const Engine> engine, const FlashvsrStreamConfig& config)
    : engine_(engine->has_overflowed() ? engine->fallback() : std::move(engine)),
      config_(check_config(config, engine_->model().placement.device)),
      settings_(check_settings(config.settings)),
      plan_(plan_stream(engine_->model(), config_, settings_)),
      cuda_stream_(engine_->model().placement.device),
      input_(config.input, config.output, engine_->model().placement),
      runner_(make_runner()),
      output_(config.output, engine_->model().placement),
      stats_(FLASHVSR_STREAM_STATS_INIT) {}

void Stream::push(const FlashvsrFrame& frame) {
    const ComputeScope scope(cuda_stream_);
    check_frame(frame, config_.input, engine_->model().placement.device);
    input_.push(frame);
    ++frames_since_start_;
    ++stats_.frames_in;
    if (input_.missing() == 0) run_chunk(input_.outputs());
}

void Stream::run_chunk(int64_t wanted) {
    ChunkTime& time = times_[stats_.chunks % times_.size()];
    time.end.synchronize();
    time.begin.record(cuda_stream_);
    const at::Tensor frames = input_.take(cuda_stream_);
    ChunkOutput chunk = runner_->run(frames, config_.seed, settings_);
    // Nobody may see an overflow, so fp16 waits for its chunks.
    if (chunk.finite.defined() && !chunk.finite.item<bool>()) chunk = run_in_fallback(frames);
    output_.emit(chunk, input_.alpha(), wanted, cuda_stream_);
    input_.advance(cuda_stream_);
    time.end.record(cuda_stream_);
    outputs_since_start_ += wanted;
    ++stats_.chunks;
}

std::unique_ptr<ChunkRunner> Stream::make_runner() const {
    const auto grid = WindowGrid::of_picture(input_.padded_height(), input_.padded_width());
    return std::make_unique<ChunkRunner>(
        Networks(engine_->model(), grid, plan_.tiling, plan_.storage), config_.output.height,
        config_.output.width);
}

// What had been remembered is lost: a later chunk becomes a first one, in front of which its first
// frame has stood still.
ChunkOutput Stream::run_in_fallback(const at::Tensor& frames) {
    log_line(LogLevel::kWarning,
             std::string("numbers have overflowed in ") +
                 precision_name(engine_->model().placement) +
                 "; loading the model in a type of wider range and going on with that");
    runner_.reset();
    engine_ = engine_->fallback();
    runner_ = make_runner();
    const int64_t missing = kFirstInput - frames.size(0);
    const at::Tensor still = frames.narrow(0, 0, 1).expand({missing, -1, -1, -1});
    ChunkOutput chunk = runner_->run(at::cat({still, frames}), config_.seed, settings_);
    auto owed = [missing](const at::Tensor& x) {
        return x.defined() ? x.narrow(0, missing, x.size(0) - missing) : x;
    };
    chunk.frames.decoded = owed(chunk.frames.decoded);
    chunk.frames.reference = owed(chunk.frames.reference);
    chunk.affine = owed(chunk.affine);
    return chunk;
}

bool Stream::pop(const FlashvsrFrame& frame) {
    const ComputeScope scope(cuda_stream_);
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
    const ComputeScope scope(cuda_stream_);
    while (outputs_since_start_ < frames_since_start_) {
        while (input_.missing() > 0) input_.repeat(cuda_stream_);
        run_chunk(std::min(input_.outputs(), frames_since_start_ - outputs_since_start_));
    }
    start_afresh();
}

void Stream::reset() {
    output_.clear();
    start_afresh();
}

void Stream::start_afresh() {
    runner_->restart();
    input_.start_afresh(cuda_stream_);
    frames_since_start_ = 0;
    outputs_since_start_ = 0;
}

void Stream::configure(const FlashvsrSettings& settings) { settings_ = check_settings(settings); }

FlashvsrMemoryEstimate Stream::memory() const {
    const MemoryEstimate& planned = plan_.estimate;
    auto bytes = [](int64_t value) { return static_cast<uint64_t>(value); };
    FlashvsrMemoryEstimate estimate = FLASHVSR_MEMORY_ESTIMATE_INIT;
    estimate.weights = bytes(planned.weights);
    estimate.kv_cache = bytes(planned.kv_cache);
    estimate.state = bytes(planned.state);
    estimate.frames = bytes(planned.frames);
    estimate.activations = bytes(planned.activations);
    estimate.reserve = bytes(planned.reserve);
    estimate.host = bytes(planned.host);
    estimate.free = bytes(plan_.free.bytes);
    std::snprintf(estimate.changes, sizeof(estimate.changes), "%s", plan_.changes.c_str());
    return estimate;
}

FlashvsrStreamStats Stream::stats() const {
    FlashvsrStreamStats stats = stats_;
    for (uint64_t i = 0; i < std::min<uint64_t>(stats.chunks, times_.size()); ++i) {
        const ChunkTime& time = times_[(stats.chunks - 1 - i) % times_.size()];
        if (!time.end.query()) continue;
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
