/* A bounded FIFO from one thread to another. */
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "gst/frame_queue.h"

namespace flashvsr {

/* Carries frames, at most `capacity` at a time, and the events and marks between them, which never
 * wait for room. One thread sends; another receives, and counts as busy with what it has received
 * until it asks for more. All waits end at once when a flush begins or the channel closes. */
class FrameChannel {
  public:
    explicit FrameChannel(int capacity) : capacity_(capacity) {}

    /* ---- the sender ---- */

    /* Waits for room, if the item is a frame, and takes it. False: flushing or closed, the item
     * stays the caller's. */
    bool send(Item* item);
    /* Waits until everything has been received and dealt with. False: flushing or closed. */
    bool wait_until_idle();
    /* Takes the oldest frames back, at most `count`. The frame after them, if it waits here, is
     * marked DISCONT. */
    std::vector<BufferPtr> take_back(int count);

    /* ---- the receiver ---- */

    /* Waits for an item. False: closed. */
    bool receive(Item* item);
    /* Waits until `condition`, which is evaluated under the channel's lock whenever somebody calls
     * wake(), is true. False: flushing, closed or too late. */
    bool wait_for(std::chrono::milliseconds limit, const std::function<bool()>& condition);
    bool wait(const std::function<bool()>& condition);

    /* ---- any thread ---- */

    void wake();
    void open();  /* begins, after the constructor or close() */
    void close(); /* what waits inside is forgotten */
    void begin_flush();
    /* Waits until the receiver has nothing left to do with what it received before the flush, and
     * returns what was never received. The channel still refuses items. */
    FrameQueue wait_until_quiet();
    void end_flush();

    bool accepts() const; /* neither flushing nor closed */
    bool idle() const;    /* nothing waits, and the receiver is not busy */
    bool full() const;
    int frames() const; /* that wait */

  private:
    enum class State { kOpen, kFlushing, kClosed };

    const int capacity_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    FrameQueue items_;
    State state_ = State::kClosed;
    bool busy_ = false;
};

}  // namespace flashvsr
