// SPDX-License-Identifier: Apache-2.0
// The two threads of the element, one that computes and one that pushes downstream, and the ways of
// frames to them.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "gst/frame_queue.h"

namespace flashvsr {

// Items go from the streaming thread through a bounded FIFO to the worker's thread, which runs them
// one after the other; what it makes of them goes through a second FIFO to the task of the source
// pad, which pushes it. So frames of one chunk leave, each at its time, while the next chunk is
// computed. Frames wait for room in a FIFO; events and marks between them never do. All waits end
// at once when a flush begins or the worker stops.
//
// When nothing is inside and the caller is the only one who could put something in, which is what
// settle() establishes for the streaming thread, the worker's state is the caller's.
class Worker {
  public:
    struct Calls {
        std::function<void(Item)> run;                 // by the worker's thread
        std::function<void(const char*)> threw;        // what, when that has
        std::function<GstFlowReturn(BufferPtr)> push;  // by the pad's task
    };

    // Frames that may wait in each FIFO: those of a start-up chunk, which takes as long to compute
    // as some of them take to come in, and a chunk more.
    static constexpr int kCapacity = 32;

    Worker(GstPad* source_pad, Calls calls);

    // ---- state changes -----------------------------------------------------------------------

    void start();       // throws where no thread can be had; then to be stopped
    void begin_stop();  // before the pads are deactivated; what is inside is forgotten
    void finish_stop();

    // ---- streaming thread --------------------------------------------------------------------

    // Hands a frame to the worker, when there is room. What comes back is a failure that the worker
    // has met with, once, or what downstream has answered to a frame, again and again until the
    // next start, flush or forgive(); the frames inside are then forgotten, and so is this one.
    GstFlowReturn queue_frame(Item frame);
    // Hands over what is not a frame.
    void queue(Item item);
    // Takes the oldest frames that wait for the worker back, at most `count`. The frame after them,
    // if it waits here, is marked DISCONT.
    std::vector<BufferPtr> take_back(int count);
    // Waits until nothing is on its way. False: a flush or the end came first.
    bool settle();
    bool interrupted() const;  // by a flush or the end
    bool idle() const;         // nothing is on its way

    // ---- flushing: from begin_flush() on everything that is inside is dropped ----------------

    void begin_flush();
    // Waits for both threads, calls `reset` while they rest, and lets them go on. Events that
    // describe the stream as a whole outlive a flush; `reset` returns those that it holds.
    void end_flush(const std::function<FrameQueue()>& reset);

    // ---- worker's thread ---------------------------------------------------------------------

    // To be pushed downstream. Waits for room.
    void emit(Item item);
    // Something failed: what waits is of no use any more.
    void fail(GstFlowReturn flow);
    bool failed() const { return failure_ != GST_FLOW_OK || answer_ != GST_FLOW_OK; }
    // Waits until `condition`, which is evaluated under a lock whenever somebody calls wake(), is
    // true. False: a flush, the end, or the time limit came first.
    bool wait(const std::function<bool()>& condition);
    bool wait_for(std::chrono::milliseconds limit, const std::function<bool()>& condition);

    // ---- any thread --------------------------------------------------------------------------

    void wake();
    // Downstream may take frames again, if this is why it did not.
    void forgive(GstFlowReturn answer) { answer_.compare_exchange_strong(answer, GST_FLOW_OK); }
    void forgive_all() { answer_ = GST_FLOW_OK; }
    bool full() const { return frames_waiting() >= kCapacity; }
    int frames_waiting() const;  // for the worker
    int frames_to_push() const;  // for downstream

  private:
    enum class State { kOpen, kFlushing, kClosed };

    // To one thread, which counts as busy with what it has received until it asks for more.
    struct Fifo {
        FrameQueue items;
        bool busy = false;

        bool idle() const { return items.empty() && !busy; }
    };

    bool send(Fifo* fifo, Item* item);
    bool receive(Fifo* fifo, Item* item);
    FrameQueue take_when_quiet(Fifo* fifo);
    void set_state(State from, State to);
    void run_items();
    void push_item();
    void keep_sticky(GstEvent* event);
    void keep_sticky(FrameQueue items);

    GstPad* const pad_;
    const Calls calls_;
    std::thread thread_;
    std::atomic<GstFlowReturn> failure_{GST_FLOW_OK};  // of the worker
    std::atomic<GstFlowReturn> answer_{GST_FLOW_OK};   // of downstream

    mutable std::mutex mutex_;  // of what follows
    std::condition_variable changed_;
    State state_ = State::kClosed;
    Fifo in_, out_;
};

}  // namespace flashvsr
