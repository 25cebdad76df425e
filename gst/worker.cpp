#include "gst/worker.h"

#include <exception>
#include <stdexcept>
#include <utility>

#include "gst/log.h"

#define GST_CAT_DEFAULT flashvsr_worker_debug

namespace flashvsr {

Worker::Worker(GstPad* source_pad, Calls calls) : pad_(source_pad), calls_(std::move(calls)) {}

void Worker::start() {
    failure_ = answer_ = GST_FLOW_OK;
    in_.open();
    out_.open();
    thread_ = std::thread([this] { run_items(); });
    const auto push = [](gpointer self) { static_cast<Worker*>(self)->push_item(); };
    if (!gst_pad_start_task(pad_, push, this, nullptr)) {
        throw std::runtime_error("no thread for the source pad");
    }
}

void Worker::begin_stop() {
    in_.close();
    out_.close();
}

void Worker::finish_stop() {
    begin_stop();
    if (!thread_.joinable()) return;
    thread_.join();
    gst_pad_stop_task(pad_);
}

GstFlowReturn Worker::queue_frame(Item frame) {
    const GstFlowReturn failure = failure_.exchange(GST_FLOW_OK);
    const GstFlowReturn flow = failure != GST_FLOW_OK ? failure : answer_.load();
    if (flow != GST_FLOW_OK) {
        GST_DEBUG_OBJECT(pad_, "telling upstream %s", gst_flow_get_name(flow));
        in_.take_back(kCapacity);
        return flow;
    }
    return in_.send(&frame) ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

void Worker::queue(Item item) { in_.send(&item); }

void Worker::begin_flush() {
    in_.begin_flush();
    out_.begin_flush();
}

void Worker::end_flush(const std::function<FrameQueue()>& reset) {
    begin_flush();
    /* In this order: the worker may be waiting for a buffer that only the other FIFO can free. */
    keep_sticky(out_.wait_until_quiet());
    FrameQueue unrun = in_.wait_until_quiet();
    keep_sticky(reset());
    keep_sticky(std::move(unrun));
    failure_ = answer_ = GST_FLOW_OK;
    out_.end_flush();
    in_.end_flush();
}

/* What describes the stream as a whole outlives a seek; segments do not. */
void Worker::keep_sticky(GstEvent* event) {
    if (event && GST_EVENT_IS_STICKY(event) && GST_EVENT_TYPE(event) != GST_EVENT_SEGMENT) {
        gst_pad_store_sticky_event(pad_, event);
    }
}

void Worker::keep_sticky(FrameQueue items) {
    while (!items.empty()) keep_sticky(items.pop().event.get());
}

void Worker::emit(Item item) {
    if (!out_.send(&item)) keep_sticky(item.event.get());
}

void Worker::fail(GstFlowReturn flow) {
    GST_DEBUG_OBJECT(pad_, "failed: %s", gst_flow_get_name(flow));
    GstFlowReturn none = GST_FLOW_OK;
    failure_.compare_exchange_strong(none, flow);
}

void Worker::run_items() {
    GST_DEBUG_OBJECT(pad_, "worker begins");
    Item item;
    while (in_.receive(&item)) {
        try {
            calls_.run(std::exchange(item, {}));
        } catch (const std::exception& exception) {
            calls_.threw(exception.what());
        }
    }
    GST_DEBUG_OBJECT(pad_, "worker ends");
}

void Worker::push_item() {
    Item item;
    if (!out_.receive(&item)) {
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

}  // namespace flashvsr
