// One video through the networks: schedule, queues and everything that crosses chunks.
#pragma once

#include <ATen/ATen.h>

#include <deque>
#include <memory>
#include <optional>

#include "core/chunk.h"
#include "core/compute_scope.h"
#include "core/engine.h"
#include "core/flashvsr.h"
#include "core/frame_io.h"

namespace flashvsr {

// Contract: the stream_* functions of flashvsr.h. Throws Error. Not for several threads at once.
class Stream {
  public:
    Stream(std::shared_ptr<const Engine> engine, const FlashvsrStreamConfig& config);

    void push(const FlashvsrFrame& frame);
    int32_t ready() const { return static_cast<int32_t>(ready_.size()); }
    // False when nothing is ready.
    bool pop(const FlashvsrFrame& frame);
    // pop() without a place for the pixels.
    bool drop();
    void drain();
    void reset();
    void configure(const FlashvsrSettings& settings);
    FlashvsrStreamStats stats() const;

  private:
    // Runs one chunk on the frames that wait; the first `wanted` of its outputs become ready.
    void run_chunk(int64_t wanted);
    at::Tensor take_frames();
    void emit(const at::Tensor& frames, int64_t wanted);
    void start_afresh();

    // Input frames that the next chunk still waits for.
    int64_t missing() const;

    struct Ready {
        at::Tensor rgb;    // [3, height, width]
        at::Tensor alpha;  // [height, width], or undefined
    };

    std::shared_ptr<const Engine> engine_;
    FlashvsrStreamConfig config_;
    Settings settings_;
    ComputeQueue queue_;
    FrameReader reader_;
    std::optional<NetworkState> state_;  // empty before the first chunk

    std::deque<at::Tensor> waiting_;  // resized frames, [3, H, W]; the oldest four may have been
                                      // projected already and wait for their own output
    std::deque<at::Tensor> alpha_;    // of every frame that is not ready yet
    std::deque<Ready> ready_;
    int64_t frames_since_start_ = 0;  // pushed since the last start-up
    int64_t outputs_since_start_ = 0;
    FlashvsrStreamStats stats_;
};

// Throws kInvalidArgument for a value out of the ranges that flashvsr.h states.
Settings check_settings(const FlashvsrSettings& settings);

}  // namespace flashvsr
