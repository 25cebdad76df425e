// SPDX-License-Identifier: Apache-2.0
#include "gst/upscaler.h"

#include <exception>
#include <utility>
#include <vector>

#include "gst/engine_loader.h"
#include "gst/log.h"

#define GST_CAT_DEFAULT flashvsr_upscale_debug

namespace flashvsr {

namespace {

// What has no pool may still be a piece of one, or memory that a device or another process fills.
bool is_of_unlimited_pool(GstBuffer* buffer) {
    if (!buffer->pool) return false;
    guint max = 0;
    GstStructure* config = gst_buffer_pool_get_config(buffer->pool);
    const bool known = gst_buffer_pool_config_get_params(config, nullptr, nullptr, nullptr, &max);
    gst_structure_free(config);
    return known && max == 0;
}

// Makes a frame the element's own, so that it can be kept for long and upstream does not run out of
// buffers meanwhile: copies it, unless it is of a pool without a limit.
void take_over(Item* frame) {
    if (!is_of_unlimited_pool(frame->buffer.get())) {
        GstBuffer* copy = gst_buffer_copy_deep(frame->buffer.get());
        if (!copy) return;
        frame->buffer.reset(copy);
    }
    frame->own = true;
}

}  // namespace

Upscaler::Upscaler(GstBaseTransform* transform, const PropertyStore* properties)
    : transform_(transform),
      properties_(properties),
      cuda_(GST_ELEMENT_CAST(transform), properties),
      model_(GST_ELEMENT_CAST(transform), [this] { worker_.wake(); }),
      overload_(GST_ELEMENT_CAST(transform), &statistics_),
      worker_(transform->srcpad,
              {[this](Item item) { loop_.run(std::move(item)); },
               [this](const char* what) { loop_.fail(what); },
               [this](BufferPtr frame) { return loop_.push(std::move(frame)); }}),
      loop_({transform, properties, &cuda_, &model_, &statistics_, &overload_, &worker_}) {}

// ---- state changes ---------------------------------------------------------------------------

bool Upscaler::load_library() {
    std::string error;
    api_ = load_engine(&error);
    if (!api_) GST_ELEMENT_ERROR(transform_, LIBRARY, INIT, ("%s", error.c_str()), (nullptr));
    return api_ != nullptr;
}

// False, after an error message: the process was forked, and nobody would do the work.
bool Upscaler::has_engine() {
    if (!without_engine()) return true;
    GST_ELEMENT_ERROR(transform_, LIBRARY, INIT, ("%s", kForkAdvice), (nullptr));
    return false;
}

bool Upscaler::open() {
    if (!has_engine()) return false;
    note_latency_query(/*live=*/false);
    const Properties properties = properties_->get();
    loop_.open(api_, properties);
    try {
        if (model_.start(api_, properties)) {
            worker_.start();
            return true;
        }
    } catch (const std::exception& exception) {  // no thread, or no memory
        GST_ELEMENT_ERROR(transform_, RESOURCE, NO_SPACE_LEFT,
                          ("The element cannot begin: %s.", exception.what()), (nullptr));
    }
    close();
    return false;
}

void Upscaler::begin_close() {
    model_.cancel();
    worker_.begin_stop();
}

void Upscaler::close() {
    worker_.finish_stop();
    loop_.close();
    model_.close();
    configured_ = false;
    overload_.reset();
    statistics_.reset();
}

// ---- frames and events -----------------------------------------------------------------------

GstFlowReturn Upscaler::queue(BufferPtr buffer) {
    if (!has_engine()) return GST_FLOW_ERROR;
    const FrameProperties properties = properties_->of_frame();
    if (properties.overload == Overload::kDrop) drop_waiting();
    Item frame = {std::move(buffer), nullptr};
    if (properties.enabled && (overload_.live() || properties.overload != Overload::kBlock)) {
        take_over(&frame);
    }
    const GstFlowReturn flow = worker_.queue_frame(std::move(frame));
    if (flow == GST_FLOW_OK) statistics_.count_in();
    return flow;
}

// A chunk of frames, where there would be no room for the next one.
void Upscaler::drop_waiting() {
    if (!worker_.full() ||
        !overload_.engine_is_behind(worker_.frames_waiting(), worker_.frames_to_push())) {
        return;
    }
    const std::vector<BufferPtr> dropped = worker_.take_back(FLASHVSR_CHUNK);
    if (dropped.empty()) return;
    overload_.note_dropped(static_cast<int>(dropped.size()), dropped.front().get(),
                           &transform_->segment);
}

bool Upscaler::drain() {
    if (!has_engine()) return false;
    worker_.queue(Item::drain_mark());
    return worker_.settle();
}

void Upscaler::forgive(GstEventType cause) {
    switch (cause) {
        case GST_EVENT_STREAM_START: worker_.forgive_all(); break;
        case GST_EVENT_SEGMENT: worker_.forgive(GST_FLOW_EOS); break;
        case GST_EVENT_RECONFIGURE:
            worker_.forgive(GST_FLOW_NOT_LINKED);
            worker_.forgive(GST_FLOW_FLUSHING);
            break;
        default: break;
    }
}

bool Upscaler::configure(const FrameLayout& in, const FrameLayout& out) {
    if (!drain()) return false;
    loop_.configure(in, out);
    configured_ = true;
    return true;
}

void Upscaler::end_flush() {
    worker_.end_flush([this] {
        overload_.reset();
        return loop_.flush();
    });
}

GstStructure* Upscaler::stats() const {
    return statistics_.to_structure(worker_.frames_waiting() + worker_.frames_to_push());
}

}  // namespace flashvsr
