/* What flows through the element, in order: frames, and the events between them. */
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "gst/mini_object.h"

namespace flashvsr {

/* A frame or an event; neither: a mark at which the frames before it shall come out. */
struct Item {
    BufferPtr buffer;
    EventPtr event;
    bool own = false; /* nobody upstream waits for the buffer's memory */

    static Item drain_mark() { return {}; }
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

    /* Takes the oldest frames out, at most `count`. Everything else stays where it is. */
    std::vector<BufferPtr> remove_frames(int count) {
        std::vector<BufferPtr> removed;
        std::deque<Item> kept;
        while (!items_.empty()) {
            Item item = pop();
            if (item.buffer && static_cast<int>(removed.size()) < count) {
                removed.push_back(std::move(item.buffer));
            } else {
                kept.push_back(std::move(item));
            }
        }
        for (Item& item : kept) push(std::move(item));
        return removed;
    }

    /* The oldest frame does not follow from what came before it. */
    void mark_discont() {
        for (Item& item : items_) {
            if (!item.buffer) continue;
            item.buffer.reset(gst_buffer_make_writable(item.buffer.release()));
            GST_BUFFER_FLAG_SET(item.buffer.get(), GST_BUFFER_FLAG_DISCONT);
            return;
        }
    }

    Item& front() { return items_.front(); }
    bool empty() const { return items_.empty(); }
    int frames() const { return frames_; } /* items that are frames */

  private:
    std::deque<Item> items_;
    int frames_ = 0;
};

}  // namespace flashvsr
