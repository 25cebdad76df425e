// SPDX-License-Identifier: Apache-2.0
// The resized input of the chunk to come, filled as frames arrive.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <memory>
#include <vector>

#include "core/cuda_stream.h"
#include "core/frame_io.h"

namespace flashvsr {

// A chunk's frames lie side by side: 25 in the first chunk, later the four whose output the chunk
// before owes and eight new ones. Later chunks take turns in two places, so that one fills while
// the other is computed on; each place's addresses stay the same for the stream's life.
//
// On a CUDA device frames come in on a stream of their own. It waits for the chunk that last used a
// place, and the host waits for it where it must: a device frame has been read when push returns,
// and frames of the host pass through as many pinned buffers as a chunk takes.
class InputFrames {
  public:
    InputFrames(const FlashvsrFrameInfo& input, const FlashvsrFrameInfo& output,
                const Placement& placement);
    ~InputFrames();
    InputFrames(const InputFrames&) = delete;
    InputFrames& operator=(const InputFrames&) = delete;

    // Frames that the next chunk still waits for.
    int64_t missing() const { return size() - filled_; }
    // Frames that it will give.
    int64_t outputs() const;

    // Converts the caller's frame, which has been checked. Needs room.
    void push(const FlashvsrFrame& frame);
    // The last frame once more, on `compute`.
    void repeat(const CudaStream& compute);

    // The chunk's frames, [25 or 12, 3, padded height, padded width], once none is missing;
    // `compute` waits for them.
    at::Tensor take(const CudaStream& compute);
    // The same frames' alpha, [25 or 12, height, width], or undefined.
    at::Tensor alpha() const;
    // Turns to the next chunk, when all that reads this one's frames is queued on `compute`.
    void advance(const CudaStream& compute);
    // Forgets all frames.
    void start_afresh(const CudaStream& compute);

    int64_t padded_height() const { return reader_.padded_height(); }
    int64_t padded_width() const { return reader_.padded_width(); }

  private:
    // One frame's way from the host to the device.
    struct Upload {
        explicit Upload(const FlashvsrFrameInfo& info);
        FrameBuffer pinned;
        CudaEvent sent;
    };

    int64_t size() const;
    void allocate();
    const FlashvsrFrame& bring(const FlashvsrFrame& frame);
    void wait_for_place();

    FlashvsrFrameInfo input_, output_;
    Placement placement_;
    FrameReader reader_;
    CudaStream stream_;  // of conversions, in order

    at::Tensor rgb_;    // [25, 3, padded height, padded width], run dtype
    at::Tensor alpha_;  // [25, height, width], fp32, or undefined
    int64_t base_ = 0;  // first frame of the chunk to come
    int64_t filled_ = 0;
    bool first_ = true;
    std::array<CudaEvent, 2> used_;  // what last read or wrote each half on the compute stream
    CudaEvent converted_;

    std::vector<std::unique_ptr<Upload>> uploads_;
    size_t next_upload_ = 0;
    std::unique_ptr<FrameBuffer> received_;
};

}  // namespace flashvsr
