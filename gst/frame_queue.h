// SPDX-License-Identifier: Apache-2.0
// What flows through the element, in order: frames, and the events between them.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "gst/mini_object.h"

namespace flashvsr {

// A frame or an event; neither: a mark at which the frames before it shall come out.
struct Item {
    BufferPtr buffer;
    EventPtr event;
    bool own = false;  // nobody upstream waits for the buffer's memory

    static Item drain_mark() { return {}; }
};

// First in, first out. Not thread-safe.
class FrameQueue {
  public:
    void push(Item item) {
        frames_ += item.buffer ? 1 : 0;
        items_.push_back(std::move(item));
    }

    Item pop() {
        Item item = std::move(items_.front());
        items_.pop_front();
        frames_ -= item.buffer ? 1 : 0;
        return item;
    }

    // Takes the oldest frames out, at most `count`. Everything else stays where it is; the frame
    // after them, if there is one, is marked DISCONT.
    std::vector<BufferPtr> remove_frames(int count);

    Item& front() { return items_.front(); }
    bool empty() const { return items_.empty(); }
    int frames() const { return frames_; }  // items that are frames

  private:
    std::deque<Item> items_;
    int frames_ = 0;
};

// What stands in for frames while their pictures are in the engine, oldest first, and the events
// behind them. Not thread-safe.
class PendingFrames {
  public:
    // `with_pixels`: keep the picture as well, in case the engine's does not come. Else nothing is
    // kept but flags, times and metas, so that upstream's memory is free again.
    void push(BufferPtr frame, bool with_pixels);
    void push(EventPtr event) { queue_.push({nullptr, std::move(event)}); }
    Item pop();
    Item& front() { return queue_.front(); }

    bool empty() const { return queue_.empty(); }
    int frames() const { return queue_.frames(); }
    bool all_have_pixels() const { return without_pixels_ == 0; }

    // Takes everything out.
    FrameQueue take();

  private:
    FrameQueue queue_;
    int without_pixels_ = 0;  // frames that were pushed so
};

bool has_pixels(GstBuffer* buffer);

// The frame does not follow from what came before it.
void mark_discont(BufferPtr* frame);

}  // namespace flashvsr
