/* What flows through the element, in order: frames, and the events between them. */
#pragma once

#include <deque>
#include <utility>

#include "gst/mini_object.h"

namespace flashvsr {

/* Exactly one of the two is set. */
struct Item {
    BufferPtr buffer;
    EventPtr event;

    static Item of(GstBuffer* buffer) { return {BufferPtr(buffer), nullptr}; }
    static Item of(GstEvent* event) { return {nullptr, EventPtr(event)}; }
};

/* First in, first out. Not thread-safe. */
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

    const Item& front() const { return items_.front(); }
    bool empty() const { return items_.empty(); }
    int frames() const { return frames_; } /* items that are frames */

  private:
    std::deque<Item> items_;
    int frames_ = 0;
};

}  // namespace flashvsr
