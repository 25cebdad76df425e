#include "gst/upscaler.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "gst/allocation.h"
#include "gst/engine_error.h"
#include "gst/engine_loader.h"
#include "gst/frame_map.h"
#include "gst/log.h"

#define GST_CAT_DEFAULT flashvsr_upscale_debug

namespace flashvsr {

namespace {

/* As the model is made. */
constexpr int kFramesPerLatent = 4;

}  // namespace

Upscaler::Upscaler(GstBaseTransform* transform, const PropertyStore* properties)
    : transform_(transform),
      properties_(properties),
      cuda_(GST_ELEMENT_CAST(transform), properties),
      model_(GST_ELEMENT_CAST(transform), [this] { worker_.wake(); }),
      worker_(
          transform->srcpad,
          {[this](Item item) { run(std::move(item)); }, [this](const char* what) { fail(what); },
           [this](BufferPtr buffer) { return push_downstream(std::move(buffer)); }}),
      overload_(GST_ELEMENT_CAST(transform), &statistics_),
      cuda_input_(&cuda_),
      output_(transform) {}

/* ---- open, configure, close ------------------------------------------------------------------ */

bool Upscaler::load_library() {
    std::string error;
    api_ = load_engine(&error);
    if (!api_) GST_ELEMENT_ERROR(transform_, LIBRARY, INIT, ("%s", error.c_str()), (nullptr));
    return api_ != nullptr;
}

bool Upscaler::has_engine() {
    if (!without_engine()) return true;
    GST_ELEMENT_ERROR(transform_, LIBRARY, INIT, ("%s", kForkAdvice), (nullptr));
    return false;
}

bool Upscaler::open() {
    if (!has_engine()) return false;
    const Properties properties = properties_->get();
    seed_ = properties.seed;
    pace_ = make_pace(kFramesPerLatent / properties.temporal_compression,
                      properties.startup == Startup::kFast);
    enabled_ = properties.enabled;
    latency_.set_active(enabled_);
    latency_.set_waits(pace_.first_wait(), pace_.later_wait());
    overload_.set_chunk_frames(pace_.chunk_frames());
    note_latency_query(/*live=*/false);
    try {
        if (model_.start(api_, properties)) {
            worker_.start();
            return true;
        }
    } catch (const std::exception& exception) { /* no thread, or no memory */
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
    pending_.take();
    engine_.close();
    model_.close();
    configured_ = false;
    expected_pts_ = GST_CLOCK_TIME_NONE;
    output_.set_allocation(nullptr, false);
    latency_.reset();
    overload_.reset();
    fade_left_ = 0;
    discont_due_ = false;
    statistics_.reset();
}

bool Upscaler::configure(const FrameLayout& in, const FrameLayout& out) {
    if (!drain()) return false;
    engine_.close();
    in_ = in;
    out_ = out;
    cuda_input_.forget();
    configured_ = true;
    scene_cut_.restart();
    output_.configure(in, out);
    const int numerator = GST_VIDEO_INFO_FPS_N(&in.info);
    latency_.set_frame_period(
        numerator > 0 ? gst_util_uint64_scale(GST_SECOND, GST_VIDEO_INFO_FPS_D(&in.info), numerator)
                      : GST_CLOCK_TIME_NONE);
    announce_latency();
    return true;
}

/* ---- in -------------------------------------------------------------------------------------- */

GstFlowReturn Upscaler::queue(BufferPtr buffer) {
    if (!has_engine()) return GST_FLOW_ERROR;
    const FrameProperties properties = properties_->of_frame();
    if (worker_.full() && properties.overload == Overload::kDrop &&
        overload_.engine_is_behind(worker_.frames_waiting(), worker_.frames_to_push())) {
        const std::vector<BufferPtr> dropped = worker_.take_back(FLASHVSR_CHUNK);
        if (!dropped.empty()) {
            overload_.note_dropped(static_cast<int>(dropped.size()), dropped.front().get(),
                                   &transform_->segment);
        }
    }
    Item frame = {std::move(buffer), nullptr};
    if (properties.enabled && (live_ || properties.overload != Overload::kBlock)) take_over(&frame);
    const GstFlowReturn flow = worker_.queue_frame(std::move(frame));
    if (flow == GST_FLOW_OK) statistics_.count_in();
    return flow;
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

void Upscaler::note_latency_query(bool live) {
    live_ = live;
    overload_.set_live(live);
}

void Upscaler::note_latency_event() {
    latency_events_++;
    worker_.wake();
}

/* ---- giving up frames ------------------------------------------------------------------------ */

void Upscaler::end_flush() {
    worker_.end_flush([this] {
        expected_pts_ = GST_CLOCK_TIME_NONE;
        scene_cut_.restart();
        latency_.restart();
        FlashvsrError error = {};
        if (!engine_.reset(&error)) fail(error);
        statistics_.set_inside(0);
        overload_.reset();
        fade_left_ = 0;
        return pending_.take();
    });
}

/* ---- statistics ------------------------------------------------------------------------------ */

GstStructure* Upscaler::stats() const {
    return statistics_.to_structure(worker_.frames_waiting() + worker_.frames_to_push());
}

}  // namespace flashvsr
