// SPDX-License-Identifier: Apache-2.0
// Finished frames in the output format, waiting to be fetched.
#pragma once

#include <ATen/ATen.h>

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/cuda_stream.h"
#include "core/frame_io.h"

namespace flashvsr {

// A chunk's frames are converted as soon as it is computed, so that nothing of it outlives it but
// these. On a CUDA device frames for the host are copied to pinned memory behind the computation;
// a caller waits for the frame that it fetches alone. Buffers are used again.
class OutputFrames {
  public:
    OutputFrames(const FlashvsrFrameInfo& info, const Placement& placement);
    ~OutputFrames();
    OutputFrames(const OutputFrames&) = delete;
    OutputFrames& operator=(const OutputFrames&) = delete;

    // Queues the first `count` frames of a chunk behind it on `compute`. alpha: [frames, height,
    // width] or undefined.
    void emit(const ChunkOutput& chunk, const at::Tensor& alpha, int64_t count,
              const CudaStream& compute);
    int64_t size() const { return static_cast<int64_t>(ready_.size()); }
    // Writes the oldest frame into the caller's, which has been checked. Needs one.
    void pop(const FlashvsrFrame& frame);
    // The same without a place for the pixels.
    void drop();
    void clear();

  private:
    struct Slot {
        Slot(const FlashvsrFrameInfo& info, const Placement& placement);
        FrameBuffer buffer;                 // where the model runs
        std::optional<FrameBuffer> pinned;  // on the host, where the model is not
        CudaEvent converted;                // `buffer` is written
        CudaEvent copied;                   // `buffer` has been read
    };
    std::unique_ptr<Slot> free_slot();

    FlashvsrFrameInfo info_;
    Placement placement_;
    CudaStream copies_;
    std::deque<std::unique_ptr<Slot>> ready_;
    std::vector<std::unique_ptr<Slot>> free_;
};

}  // namespace flashvsr
