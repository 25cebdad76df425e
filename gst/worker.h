/* The two threads of the element: one computes, one pushes downstream. */
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "gst/frame_channel.h"

namespace flashvsr {

/* Items go from the streaming thread through a bounded FIFO to the worker's thread, which runs them
 * one after the other; what it makes of them goes through a second FIFO to the task of the source
 * pad, which pushes it. So frames of one chunk leave, each at its time, while the next chunk is
 * computed.
 *
 * When nothing is inside and the caller is the only one who could put something in, which is what
 * settle() establishes for the streaming thread, the worker's state is the caller's. */
class Worker {
  public:
    struct Calls {
        std::function<void(Item)> run;                /* by the worker's thread */
        std::function<void(const char*)> threw;       /* what, when that has */
        std::function<GstFlowReturn(BufferPtr)> push; /* by the pad's task */
    };

    /* Frames that may wait for the worker: those of a start-up chunk, which takes as long to
     * compute as some of them take to come in, and a chunk more. */
    static constexpr int kCapacity = 32;

    Worker(GstPad* source_pad, Calls calls);

    /* ---- state changes ---- */

    void start();      /* throws where no thread can be had; then to be stopped */
    void begin_stop(); /* before the pads are deactivated */
    void finish_stop();

    /* ---- streaming thread ---- */

    /* Hands a frame to the worker, when there is room. What comes back is a failure that the worker
     * has met with, once, or what downstream has answered to a frame, again and again until the
     * next start, flush or forgive(); the frames inside are then forgotten, and so is this one. */
    GstFlowReturn queue_frame(Item frame);
    /* Hands over what is not a frame. */
    void queue(Item item);
    /* Takes the oldest waiting frames back, at most `count`. */
    std::vector<BufferPtr> take_back(int count) { return in_.take_back(count); }
    /* Waits until nothing is on its way. False: a flush or the end came first. */
    bool settle() { return in_.wait_until_idle() && out_.wait_until_idle(); }
    bool interrupted() const { return !in_.accepts(); }
    bool idle() const { return in_.idle() && out_.idle(); }

    /* ---- flushing: from begin_flush() on everything that is inside is dropped ---- */

    void begin_flush();
    /* Waits for both threads, calls `reset` while they rest, and lets them go on. Events that
     * describe the stream as a whole outlive a flush; `reset` returns those that it holds. */
    void end_flush(const std::function<FrameQueue()>& reset);

    /* ---- worker's thread ---- */

    /* To be pushed downstream. Waits for room. */
    void emit(Item item);
    /* Something failed: what waits is of no use any more. */
    void fail(GstFlowReturn flow);
    bool failed() const { return failure_ != GST_FLOW_OK || answer_ != GST_FLOW_OK; }
    /* Waits for `condition`; see FrameChannel::wait(). */
    bool wait(const std::function<bool()>& condition) { return in_.wait(condition); }
    bool wait_for(std::chrono::milliseconds limit, const std::function<bool()>& condition) {
        return in_.wait_for(limit, condition);
    }

    /* ---- any thread ---- */

    void wake() { in_.wake(); }
    /* Downstream may take frames again, if this is why it did not. */
    void forgive(GstFlowReturn answer) { answer_.compare_exchange_strong(answer, GST_FLOW_OK); }
    void forgive_all() { answer_ = GST_FLOW_OK; }
    bool full() const { return in_.full(); }
    int frames_waiting() const { return in_.frames(); }  /* for the worker */
    int frames_to_push() const { return out_.frames(); } /* for downstream */

  private:
    void run_items();
    void push_item();
    void keep_sticky(GstEvent* event);
    void keep_sticky(FrameQueue items);

    GstPad* const pad_;
    const Calls calls_;
    FrameChannel in_{kCapacity};
    FrameChannel out_{kCapacity};
    std::thread thread_;
    std::atomic<GstFlowReturn> failure_{GST_FLOW_OK}; /* of the worker */
    std::atomic<GstFlowReturn> answer_{GST_FLOW_OK};  /* of downstream */
};

}  // namespace flashvsr
