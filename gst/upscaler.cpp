#include "gst/upscaler.h"

#include <gst/video/gstvideometa.h>

#include <algorithm>
#include <utility>

#include "gst/engine_error.h"
#include "gst/engine_loader.h"
#include "gst/frame_map.h"
#include "gst/gstflashvsrupscale.h"
#include "gst/log.h"
#include "gst/model_dir.h"

#define GST_CAT_DEFAULT flashvsr_upscale_debug

namespace flashvsr {

namespace {

/* A buffer that stands for `buffer` while its picture is in the engine: flags, times and metas, but
 * nothing that keeps upstream's memory from going back to its pool. */
BufferPtr without_pixels(GstBuffer* buffer) {
    BufferPtr result(gst_buffer_new());
    gst_buffer_copy_into(
        result.get(), buffer,
        static_cast<GstBufferCopyFlags>(GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS |
                                        GST_BUFFER_COPY_META),
        0, static_cast<gsize>(-1));
    gst_buffer_foreach_meta(
        result.get(),
        [](GstBuffer*, GstMeta** meta, gpointer) -> gboolean {
            static const GQuark reference = g_quark_from_static_string("memory-reference");
            if (gst_meta_api_type_has_tag((*meta)->info->api, reference)) *meta = nullptr;
            return TRUE;
        },
        nullptr);
    return result;
}

bool same_settings(const FlashvsrSettings& a, const FlashvsrSettings& b) {
    return a.sparse_ratio == b.sparse_ratio && a.kv_ratio == b.kv_ratio &&
           a.local_range == b.local_range && a.color_fix == b.color_fix && a.strength == b.strength;
}

Properties current_properties(GstFlashVsrUpscale* element) {
    GST_OBJECT_LOCK(element);
    Properties result = *element->properties;
    GST_OBJECT_UNLOCK(element);
    return result;
}

}  // namespace

GstBaseTransform* Upscaler::transform() const { return GST_BASE_TRANSFORM_CAST(element_); }

/* ---- open, configure, close ------------------------------------------------------------------ */

bool Upscaler::load_library() {
    std::string error;
    api_ = load_engine(&error);
    if (!api_) GST_ELEMENT_ERROR(element_, LIBRARY, INIT, ("%s", error.c_str()), (nullptr));
    return api_ != nullptr;
}

bool Upscaler::open() {
    const Properties properties = current_properties(element_);
    if (properties.mode == Mode::kFull) {
        GST_ELEMENT_ERROR(element_, LIBRARY, SETTINGS,
                          ("This version has no mode=full; use mode=tiny."), (nullptr));
        return false;
    }
    const ModelDir model = find_model_dir(properties.model_dir);
    if (model.path.empty()) {
        GST_ELEMENT_ERROR(element_, RESOURCE, NOT_FOUND,
                          ("No FlashVSR model found. Set the property model-dir or the environment "
                           "variable FLASHVSR_MODEL_DIR to the folder with the model's files."),
                          (nullptr));
        return false;
    }
    if (model.is_nano) {
        GST_ELEMENT_WARNING(element_, RESOURCE, NOT_FOUND,
                            ("No FlashVSR model found; using the small model that ships, which "
                             "gives far less detail. For the released one download the files of "
                             "FlashVSR-v1.1 (JunhaoZhuang/FlashVSR-v1.1 on the Hugging Face hub) "
                             "and set model-dir to their folder."),
                            ("%s", model.path.c_str()));
    }

    FlashvsrEngineConfig config = FLASHVSR_ENGINE_CONFIG_INIT;
    config.model_dir = model.path.c_str();
    config.device = properties.device.empty() ? "auto" : properties.device.c_str();
    config.precision = properties.precision;
    config.model_version = properties.model_version;
    FlashvsrEngine* engine = nullptr;
    FlashvsrError error = {};
    if (api_->engine_open(&config, nullptr, nullptr, &engine, &error) != FLASHVSR_OK) {
        post_engine_error(GST_ELEMENT_CAST(element_), error);
        return false;
    }
    engine_ = {engine, EngineClose{api_}};
    seed_ = properties.seed;
    enabled_ = properties.enabled;
    latency_.set_active(enabled_);
    return true;
}

void Upscaler::close() {
    input_ = {};
    pending_ = {};
    stream_.reset();
    engine_.reset();
    resize_.reset();
    flow_ = GST_FLOW_OK;
    expected_pts_ = GST_CLOCK_TIME_NONE;
    downstream_video_meta_ = false;
    latency_.reset();
    counters_ = {};
    publish_counters();
}

bool Upscaler::configure(const GstVideoInfo& in, const GstVideoInfo& out) {
    drain();
    stream_.reset();
    resize_.reset();
    in_info_ = in;
    out_info_ = out;

    FlashvsrStreamConfig config;
    config.struct_size = sizeof(config);
    config.input = frame_info(in);
    config.output = frame_info(out);
    config.seed = seed_;
    config.settings = current_properties(element_).settings;
    FlashvsrStream* stream = nullptr;
    FlashvsrError error = {};
    if (api_->stream_open(engine_.get(), &config, &stream, &error) != FLASHVSR_OK) {
        post_engine_error(GST_ELEMENT_CAST(element_), error);
        return false;
    }
    stream_ = {stream, StreamClose{api_}};
    counters_.engine = FLASHVSR_STREAM_STATS_INIT;
    settings_ = config.settings;

    const int numerator = GST_VIDEO_INFO_FPS_N(&in);
    latency_.set_frame_period(
        numerator > 0 ? gst_util_uint64_scale(GST_SECOND, GST_VIDEO_INFO_FPS_D(&in), numerator)
                      : GST_CLOCK_TIME_NONE);
    update_latency();
    return true;
}

/* ---- in -------------------------------------------------------------------------------------- */

GstFlowReturn Upscaler::run_queued() {
    GstFlowReturn flow = std::exchange(flow_, GST_FLOW_OK);
    while (flow == GST_FLOW_OK && !input_.empty()) flow = run(input_.pop());
    publish_counters();
    return flow;
}

GstFlowReturn Upscaler::run(Item item) {
    if (item.buffer) return run_frame(std::move(item.buffer));
    pending_.push(std::move(item));
    return push_ready();
}

GstFlowReturn Upscaler::run_frame(BufferPtr buffer) {
    sync_controlled_properties(buffer.get());
    const Properties properties = current_properties(element_);

    if (properties.enabled != enabled_ || follows_gap(buffer.get())) {
        const GstFlowReturn flow = drain_engine();
        if (flow != GST_FLOW_OK) return flow;
        enabled_ = properties.enabled;
        latency_.set_active(enabled_);
        latency_.restart();
    }
    note_time(buffer.get());
    counters_.frames_in++;
    if (!enabled_) return run_bypass(std::move(buffer));
    if (!apply_settings(properties.settings)) return GST_FLOW_ERROR;
    return run_engine(std::move(buffer));
}

GstFlowReturn Upscaler::run_engine(BufferPtr buffer) {
    {
        const MappedFrame frame(buffer.get(), in_info_, GST_MAP_READ);
        if (!frame) {
            GST_ELEMENT_ERROR(element_, STREAM, FORMAT,
                              ("The input buffer does not hold a frame of its caps."), (nullptr));
            return GST_FLOW_ERROR;
        }
        const FlashvsrFrame input = frame.engine_frame();
        FlashvsrError error = {};
        if (api_->stream_push(stream_.get(), &input, &error) != FLASHVSR_OK) return fail(error);
    }
    pending_.push({without_pixels(buffer.get()), nullptr});
    buffer.reset();
    note_chunk();
    return push_ready();
}

GstFlowReturn Upscaler::run_bypass(BufferPtr buffer) {
    if (gst_video_info_is_equal(&in_info_, &out_info_) &&
        (downstream_video_meta_ || !needs_video_meta(buffer.get(), in_info_))) {
        return push_downstream(std::move(buffer));
    }
    BufferPtr resized;
    GstFlowReturn flow = allocate_output(buffer.get(), &resized);
    if (flow == GST_FLOW_OK) flow = resize(buffer.get(), resized.get());
    return flow == GST_FLOW_OK ? push_downstream(std::move(resized)) : flow;
}

GstFlowReturn Upscaler::resize(GstBuffer* in, GstBuffer* out) {
    if (!resize_) resize_ = std::make_unique<PlainResize>(in_info_, out_info_);
    MappedFrame from(in, in_info_, GST_MAP_READ);
    MappedFrame to(out, out_info_, GST_MAP_WRITE);
    if (!resize_->supported() || !from || !to) {
        GST_ELEMENT_ERROR(element_, STREAM, FORMAT, ("The frame could not be resized."), (nullptr));
        return GST_FLOW_ERROR;
    }
    resize_->run(from.video(), to.video());
    return GST_FLOW_OK;
}

void Upscaler::scale_meta(GstBuffer* out, GstMeta* meta, GstBuffer* in) {
    GstVideoMetaTransform sizes = {&in_info_, &out_info_};
    meta->info->transform_func(out, meta, in, gst_video_meta_transform_scale_get_quark(), &sizes);
}

bool Upscaler::apply_settings(const FlashvsrSettings& settings) {
    if (same_settings(settings, settings_)) return true;
    FlashvsrError error = {};
    if (api_->stream_configure(stream_.get(), &settings, &error) != FLASHVSR_OK) {
        fail(error);
        return false;
    }
    settings_ = settings;
    return true;
}

void Upscaler::sync_controlled_properties(GstBuffer* buffer) {
    const GstSegment* segment = &transform()->segment;
    if (segment->format != GST_FORMAT_TIME || !GST_BUFFER_PTS_IS_VALID(buffer)) return;
    const GstClockTime stream_time =
        gst_segment_to_stream_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    if (GST_CLOCK_TIME_IS_VALID(stream_time)) {
        gst_object_sync_values(GST_OBJECT_CAST(element_), stream_time);
    }
}

/* True if the frame comes so far from its predecessor that the two do not belong together. */
bool Upscaler::follows_gap(GstBuffer* buffer) const {
    const GstClockTime pts = GST_BUFFER_PTS(buffer);
    if (!GST_BUFFER_IS_DISCONT(buffer) || !GST_CLOCK_TIME_IS_VALID(pts) ||
        !GST_CLOCK_TIME_IS_VALID(expected_pts_)) {
        return false;
    }
    const GstClockTime gap = pts > expected_pts_ ? pts - expected_pts_ : expected_pts_ - pts;
    return gap > std::max<GstClockTime>(GST_SECOND, 10 * latency_.frame_period());
}

void Upscaler::note_time(GstBuffer* buffer) {
    const GstClockTime pts = GST_BUFFER_PTS(buffer);
    if (!GST_CLOCK_TIME_IS_VALID(pts)) return;
    latency_.observe_pts(pts);
    expected_pts_ = pts + (GST_BUFFER_DURATION_IS_VALID(buffer) ? GST_BUFFER_DURATION(buffer)
                                                                : latency_.frame_period());
    update_latency();
}

void Upscaler::note_chunk() {
    const guint64 chunks_before = counters_.engine.chunks;
    api_->stream_stats(stream_.get(), &counters_.engine, nullptr);
    if (counters_.engine.chunks == chunks_before) return;
    counters_.chunks += counters_.engine.chunks - chunks_before;
    latency_.set_compute_time(
        static_cast<GstClockTime>(counters_.engine.last_chunk_ms * GST_MSECOND));
    update_latency();
}

void Upscaler::update_latency() {
    if (!latency_.update()) return;
    GST_DEBUG_OBJECT(element_, "latency is now %" GST_TIME_FORMAT,
                     GST_TIME_ARGS(latency_.reported()));
    gst_element_post_message(GST_ELEMENT_CAST(element_),
                             gst_message_new_latency(GST_OBJECT_CAST(element_)));
}

/* ---- out ------------------------------------------------------------------------------------- */

void Upscaler::drain() {
    while (!input_.empty() && flow_ == GST_FLOW_OK) flow_ = run(input_.pop());
    const GstFlowReturn flow = drain_engine();
    if (flow_ == GST_FLOW_OK) flow_ = flow;
    publish_counters();
}

GstFlowReturn Upscaler::drain_engine() {
    expected_pts_ = GST_CLOCK_TIME_NONE;
    if (pending_.frames() == 0) return push_ready();
    FlashvsrError error = {};
    if (api_->stream_drain(stream_.get(), &error) != FLASHVSR_OK) return fail(error);
    note_chunk();
    const GstFlowReturn flow = push_ready();
    if (flow != GST_FLOW_OK) drop_frames();
    return flow;
}

GstFlowReturn Upscaler::push_ready() {
    while (!pending_.empty()) {
        if (pending_.front().event) {
            gst_pad_push_event(transform()->srcpad, pending_.pop().event.release());
            continue;
        }
        if (api_->stream_ready(stream_.get()) <= 0) break;
        BufferPtr upscaled;
        GstFlowReturn flow = take_upscaled(pending_.front().buffer.get(), &upscaled);
        if (flow != GST_FLOW_OK) return flow;
        pending_.pop();
        flow = push_downstream(std::move(upscaled));
        if (flow != GST_FLOW_OK) return flow;
    }
    return GST_FLOW_OK;
}

/* Takes the engine's next frame into a buffer with the times, flags and metas of `origin`. */
GstFlowReturn Upscaler::take_upscaled(GstBuffer* origin, BufferPtr* upscaled) {
    const GstFlowReturn flow = allocate_output(origin, upscaled);
    if (flow != GST_FLOW_OK) return flow;
    const MappedFrame frame(upscaled->get(), out_info_, GST_MAP_WRITE);
    if (!frame) {
        GST_ELEMENT_ERROR(element_, RESOURCE, WRITE,
                          ("The buffer from downstream's pool could not be written."), (nullptr));
        return GST_FLOW_ERROR;
    }
    FlashvsrFrame result = frame.engine_frame();
    FlashvsrError error = {};
    if (api_->stream_pop(stream_.get(), &result, &error) != FLASHVSR_OK) return fail(error);
    return GST_FLOW_OK;
}

/* A buffer of downstream's pool with the times, flags and metas of `origin`. */
GstFlowReturn Upscaler::allocate_output(GstBuffer* origin, BufferPtr* output) {
    GstBaseTransformClass* klass = GST_BASE_TRANSFORM_GET_CLASS(element_);
    GstBuffer* buffer = nullptr;
    const GstFlowReturn flow = klass->prepare_output_buffer(transform(), origin, &buffer);
    if (flow != GST_FLOW_OK) return flow;
    GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE; /* raw video has none */
    output->reset(buffer);
    return GST_FLOW_OK;
}

/* Pushed here and not by the base class, which would put a DISCONT that has come in meanwhile on
 * whichever buffer goes out next. */
GstFlowReturn Upscaler::push_downstream(BufferPtr buffer) {
    GstSegment* segment = &transform()->segment;
    if (segment->format == GST_FORMAT_TIME && GST_BUFFER_PTS_IS_VALID(buffer.get())) {
        segment->position = GST_BUFFER_PTS(buffer.get());
        if (GST_BUFFER_DURATION_IS_VALID(buffer.get())) {
            segment->position += GST_BUFFER_DURATION(buffer.get());
        }
    }
    counters_.frames_out++;
    return gst_pad_push(transform()->srcpad, buffer.release());
}

/* ---- giving up frames ------------------------------------------------------------------------ */

void Upscaler::flush() {
    for (FrameQueue* queue : {&pending_, &input_}) {
        while (!queue->empty()) {
            const EventPtr event = queue->pop().event;
            /* What describes the stream as a whole outlives a seek; segments do not. */
            if (event && GST_EVENT_IS_STICKY(event.get()) &&
                GST_EVENT_TYPE(event.get()) != GST_EVENT_SEGMENT) {
                gst_pad_store_sticky_event(transform()->srcpad, event.get());
            }
        }
    }
    flow_ = GST_FLOW_OK;
    expected_pts_ = GST_CLOCK_TIME_NONE;
    latency_.restart();
    FlashvsrError error = {};
    if (stream_ && api_->stream_reset(stream_.get(), &error) != FLASHVSR_OK) fail(error);
    publish_counters();
}

/* Forgets the frames in the engine and lets the events between them out. */
void Upscaler::drop_frames() {
    while (!pending_.empty()) {
        EventPtr event = pending_.pop().event;
        if (event) gst_pad_push_event(transform()->srcpad, event.release());
    }
    if (stream_) api_->stream_reset(stream_.get(), nullptr);
}

GstFlowReturn Upscaler::fail(const FlashvsrError& error) {
    post_engine_error(GST_ELEMENT_CAST(element_), error);
    drop_frames();
    return GST_FLOW_ERROR;
}

/* ---- statistics ------------------------------------------------------------------------------ */

void Upscaler::publish_counters() {
    counters_.inside = input_.frames() + pending_.frames();
    GST_OBJECT_LOCK(element_);
    published_ = counters_;
    GST_OBJECT_UNLOCK(element_);
}

GstStructure* Upscaler::stats() const {
    GST_OBJECT_LOCK(element_);
    const Counters counters = published_;
    GST_OBJECT_UNLOCK(element_);
    return gst_structure_new(
        "application/x-flashvsr-stats", "in", G_TYPE_UINT64, counters.frames_in, "out",
        G_TYPE_UINT64, counters.frames_out, "queue-depth", G_TYPE_INT, counters.inside, "chunks",
        G_TYPE_UINT64, counters.chunks, "chunk-time", GST_TYPE_CLOCK_TIME,
        static_cast<guint64>(counters.engine.last_chunk_ms * GST_MSECOND), "device-memory",
        G_TYPE_UINT64, static_cast<guint64>(counters.engine.device_bytes), nullptr);
}

}  // namespace flashvsr
