// SPDX-License-Identifier: Apache-2.0
// One video through the networks: schedule, frames that wait and everything that crosses chunks.
#pragma once

#include <array>
#include <memory>

#include "core/chunk_runner.h"
#include "core/cuda_stream.h"
#include "core/engine.h"
#include "core/flashvsr.h"
#include "core/input_frames.h"
#include "core/memory_plan.h"
#include "core/output_frames.h"

namespace flashvsr {

// Contract: the stream_* functions of flashvsr.h. Throws Error. Not for several threads at once.
class Stream {
  public:
    Stream(std::shared_ptr<const Engine> engine, const FlashvsrStreamConfig& config);

    void push(const FlashvsrFrame& frame);
    int32_t ready() const { return static_cast<int32_t>(output_.size()); }
    // False when nothing is ready.
    bool pop(const FlashvsrFrame& frame);
    // pop() without a place for the pixels.
    bool drop();
    void drain();
    void reset();
    void configure(const FlashvsrSettings& settings);
    FlashvsrStreamStats stats() const;
    FlashvsrMemoryEstimate memory() const;
    const MemoryPlan& plan() const { return plan_; }
    at::Device device() const { return engine_->model().placement.device; }

  private:
    // Queues one chunk on the frames that wait; the first `wanted` of its outputs become ready.
    void run_chunk(int64_t wanted);
    std::unique_ptr<ChunkRunner> make_runner() const;
    // The chunk anew, and all later ones, in a type of wider range.
    ChunkOutput run_in_fallback(const at::Tensor& frames);
    void start_afresh();

    // A chunk's time on the compute stream. The host is never more than one chunk ahead: it waits
    // for the chunk before the last before it queues another.
    struct ChunkTime {
        CudaEvent begin, end;
    };

    std::shared_ptr<const Engine> engine_;
    FlashvsrStreamConfig config_;
    Settings settings_;
    MemoryPlan plan_;
    CudaStream cuda_stream_;
    InputFrames input_;
    std::unique_ptr<ChunkRunner> runner_;
    OutputFrames output_;

    int64_t frames_since_start_ = 0;  // pushed since the last start-up
    int64_t outputs_since_start_ = 0;
    FlashvsrStreamStats stats_;
    std::array<ChunkTime, 2> times_;  // of chunks with even and odd numbers
};

// Throws kInvalidArgument for a value out of the ranges that flashvsr.h states.
Settings check_settings(const FlashvsrSettings& settings);

// Throws kInvalidArgument likewise, and kBadSettings where tiles would be all overlap.
Tiling check_tiling(const FlashvsrTiling& tiling);

}  // namespace flashvsr
