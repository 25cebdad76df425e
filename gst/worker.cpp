// SPDX-License-Identifier: Apache-2.0
#include "gst/worker.h"

#include <exception>
#include <stdexcept>
#include <utility>

#include "gst/log.h"

#define GST_CAT_DEFAULT flashvsr_worker_debug

namespace flashvsr {

using Lock = std::unique_lock<std::mutex>;

Worker::Worker(GstPad* source_pad, Calls calls) : pad_(source_pad), calls_(std::move(calls)) {}

// ---- state changes ---------------------------------------------------------------------------

void Worker::start() {
    failure_ = answer_ = GST_FLOW_OK;
    set_state(State::kClosed, State::kOpen);
    thread_ = std::thread([this] { run_items(); });
    const auto push = [](gpointer self) { static_cast<Worker*>(self)->push_item(); };
    if (!gst_pad_start_task(pad_, push, this, nullptr)) {
        throw std::runtime_error("no thread for the source pad");
    }
}

void Worker::begin_stop() {
    FrameQueue waiting, leaving;  // go when the lock has gone
    const Lock lock(mutex_);
    state_ = State::kClosed;
    waiting = std::exchange(in_.items, {});
    leaving = std::exchange(out_.items, {});
    changed_.notify_all();
}

void Worker::finish_stop() {
    begin_stop();
    if (!thread_.joinable()) return;
    thread_.join();
    gst_pad_stop_task(pad_);
}

// ---- from the streaming thread to the worker's -----------------------------------------------

GstFlowReturn Worker::queue_frame(Item frame) {
    const GstFlowReturn failure = failure_.exchange(GST_FLOW_OK);
    const GstFlowReturn flow = failure != GST_FLOW_OK ? failure : answer_.load();
    if (flow != GST_FLOW_OK) {
        GST_DEBUG_OBJECT(pad_, "telling upstream %s", gst_flow_get_name(flow));
        take_back(kCapacity);
        return flow;
    }
    return send(&in_, &frame) ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

void Worker::queue(Item item) { send(&in_, &item); }

std::vector<BufferPtr> Worker::take_back(int count) {
    const Lock lock(mutex_);
    changed_.notify_all();
    return in_.items.remove_frames(count);
}

bool Worker::settle() {
    Lock lock(mutex_);
    changed_.wait(lock, [&] { return state_ != State::kOpen || (in_.idle() && out_.idle()); });
    return state_ == State::kOpen;
}

void Worker::run_items() {
    GST_DEBUG_OBJECT(pad_, "worker begins");
    Item item;
    while (receive(&in_, &item)) {
        try {
            calls_.run(std::exchange(item, {}));
        } catch (const std::exception& exception) {
            calls_.threw(exception.what());
        }
    }
    GST_DEBUG_OBJECT(pad_, "worker ends");
}

// ---- from the worker's thread to the source pad's task ---------------------------------------

void Worker::emit(Item item) {
    if (!send(&out_, &item)) keep_sticky(item.event.get());
}

void Worker::push_item() {
    Item item;
    if (!receive(&out_, &item)) {
        gst_pad_pause_task(pad_);
        return;
    }
    if (item.event) {
        gst_pad_push_event(pad_, item.event.release());
        return;
    }
    if (failed()) return;
    const GstFlowReturn flow = calls_.push(std::move(item.buffer));
    if (flow != GST_FLOW_OK) {
        GST_DEBUG_OBJECT(pad_, "downstream answers %s", gst_flow_get_name(flow));
        answer_ = flow;
    }
}

void Worker::fail(GstFlowReturn flow) {
    GST_DEBUG_OBJECT(pad_, "failed: %s", gst_flow_get_name(flow));
    GstFlowReturn none = GST_FLOW_OK;
    failure_.compare_exchange_strong(none, flow);
}

// ---- flushing --------------------------------------------------------------------------------

void Worker::begin_flush() { set_state(State::kOpen, State::kFlushing); }

void Worker::end_flush(const std::function<FrameQueue()>& reset) {
    begin_flush();
    // In this order: the worker may be waiting for a buffer that only the other FIFO can free.
    keep_sticky(take_when_quiet(&out_));
    FrameQueue unrun = take_when_quiet(&in_);
    keep_sticky(reset());
    keep_sticky(std::move(unrun));
    failure_ = answer_ = GST_FLOW_OK;
    set_state(State::kFlushing, State::kOpen);
}

// Waits until the receiver has nothing left to do with what it received before the flush, and
// returns what was never received.
FrameQueue Worker::take_when_quiet(Fifo* fifo) {
    Lock lock(mutex_);
    changed_.wait(lock, [&] { return state_ == State::kClosed || !fifo->busy; });
    return std::exchange(fifo->items, {});
}

// What describes the stream as a whole outlives a seek; segments do not.
void Worker::keep_sticky(GstEvent* event) {
    if (event && GST_EVENT_IS_STICKY(event) && GST_EVENT_TYPE(event) != GST_EVENT_SEGMENT) {
        gst_pad_store_sticky_event(pad_, event);
    }
}

void Worker::keep_sticky(FrameQueue items) {
    while (!items.empty()) keep_sticky(items.pop().event.get());
}

// ---- the FIFOs -------------------------------------------------------------------------------

// Waits for room, if the item is a frame, and takes it. False: flushing or closed, the item stays
// the caller's.
bool Worker::send(Fifo* fifo, Item* item) {
    Lock lock(mutex_);
    changed_.wait(lock, [&] {
        return state_ != State::kOpen || !item->buffer || fifo->items.frames() < kCapacity;
    });
    if (state_ != State::kOpen) return false;
    fifo->items.push(std::move(*item));
    changed_.notify_all();
    return true;
}

// Waits for an item. False: closed.
bool Worker::receive(Fifo* fifo, Item* item) {
    Lock lock(mutex_);
    fifo->busy = false;
    changed_.notify_all();
    changed_.wait(lock, [&] {
        return state_ == State::kClosed || (state_ == State::kOpen && !fifo->items.empty());
    });
    if (state_ == State::kClosed) return false;
    *item = fifo->items.pop();
    fifo->busy = true;
    changed_.notify_all();
    return true;
}

bool Worker::wait(const std::function<bool()>& condition) {
    Lock lock(mutex_);
    changed_.wait(lock, [&] { return state_ != State::kOpen || condition(); });
    return state_ == State::kOpen && condition();
}

bool Worker::wait_for(std::chrono::milliseconds limit, const std::function<bool()>& condition) {
    Lock lock(mutex_);
    changed_.wait_for(lock, limit, [&] { return state_ != State::kOpen || condition(); });
    return state_ == State::kOpen && condition();
}

void Worker::set_state(State from, State to) {
    const Lock lock(mutex_);
    if (state_ == from) state_ = to;
    changed_.notify_all();
}

void Worker::wake() {
    const Lock lock(mutex_);
    changed_.notify_all();
}

bool Worker::interrupted() const {
    const Lock lock(mutex_);
    return state_ != State::kOpen;
}

bool Worker::idle() const {
    const Lock lock(mutex_);
    return in_.idle() && out_.idle();
}

int Worker::frames_waiting() const {
    const Lock lock(mutex_);
    return in_.items.frames();
}

int Worker::frames_to_push() const {
    const Lock lock(mutex_);
    return out_.items.frames();
}

}  // namespace flashvsr
