/* What stands in for frames while their pictures are in the engine. */
#pragma once

#include "gst/frame_queue.h"

namespace flashvsr {

/* Frames in the engine, oldest first, and the events behind them. Not thread-safe. */
class PendingFrames {
  public:
    /* `with_pixels`: keep the picture as well, in case the engine's does not come. Else nothing is
     * kept but flags, times and metas, so that upstream's memory is free again. */
    void push(BufferPtr frame, bool with_pixels);
    void push(EventPtr event) { queue_.push({nullptr, std::move(event)}); }
    Item pop();
    Item& front() { return queue_.front(); }

    bool empty() const { return queue_.empty(); }
    int frames() const { return queue_.frames(); }
    bool all_have_pixels() const { return without_pixels_ == 0; }

    /* Takes everything out. */
    FrameQueue take();

  private:
    FrameQueue queue_;
    int without_pixels_ = 0; /* frames that were pushed so */
};

bool has_pixels(GstBuffer* buffer);

}  // namespace flashvsr
