/* What the worker's thread does with each frame and event, and the source pad's task with what
 * comes of it. */
#include <algorithm>
#include <utility>

#include "gst/engine_error.h"
#include "gst/log.h"
#include "gst/upscaler.h"

#define GST_CAT_DEFAULT flashvsr_upscale_debug

namespace flashvsr {

namespace {

/* How long frames that are later than announced wait for the pipeline to hear of it. */
constexpr std::chrono::milliseconds kLatencyPatience(100);

}  // namespace

/* ---- in -------------------------------------------------------------------------------------- */

void Upscaler::run(Item item) {
    if (worker_.failed()) forget_frames();
    if (item.event) {
        run_event(std::move(item.event));
    } else if (!item.buffer) {
        drain_engine();
    } else if (!worker_.failed()) {
        run_frame(std::move(item));
    }
    emit_when_due();
    statistics_.set_inside(pending_.frames());
    if (engine_.is_open()) statistics_.note_engine(engine_.stats());
}

void Upscaler::run_event(EventPtr event) {
    if (pending_.frames() > 0 && falls_silent(event.get())) start_anew();
    pending_.push(std::move(event));
    emit(0);
}

void Upscaler::run_frame(Item frame) {
    GstBuffer* buffer = frame.buffer.get();
    sync_controlled_properties(buffer);
    const FrameProperties properties = properties_->of_frame();
    if (properties.enabled != enabled_ || follows_gap(buffer)) {
        start_anew();
        enabled_ = properties.enabled;
        latency_.set_active(enabled_);
    }
    note_time(buffer);
    if (!enabled_) {
        run_bypass(std::move(frame.buffer));
        return;
    }
    switch (overload_action(properties.overload, buffer)) {
        case OverloadPolicy::Action::kCompute: run_engine(std::move(frame), properties); break;
        case OverloadPolicy::Action::kDrop: discont_due_ = true; break;
        case OverloadPolicy::Action::kReplace:
            replace_pending();
            run_bypass(std::move(frame.buffer));
            break;
    }
}

OverloadPolicy::Action Upscaler::overload_action(Overload mode, GstBuffer* buffer) {
    OverloadPolicy::Situation situation;
    situation.model_loaded = model_.done();
    situation.waiting = worker_.frames_waiting();
    situation.to_push = worker_.frames_to_push();
    situation.between_chunks = engine_.between_chunks();
    situation.replaceable = pending_.all_have_pixels();
    return overload_.action_for(mode, situation, buffer, &transform_->segment);
}

void Upscaler::run_engine(Item frame, const FrameProperties& properties) {
    BufferPtr& buffer = frame.buffer;
    if (!open_stream()) return;
    std::unique_ptr<MappedFrame> input = map_input(buffer.get());
    if (!input) return;
    if (properties.scene_cut == SceneCutMode::kReset && begins_scene(input.get())) {
        GST_DEBUG_OBJECT(transform_, "scene cut at %" GST_TIME_FORMAT,
                         GST_TIME_ARGS(GST_BUFFER_PTS(buffer.get())));
        drain_engine();
    }
    const int ready_before = engine_.ready(); /* of the chunk before */
    if (worker_.failed() || !push_to_engine(*input, properties.settings)) return;
    input.reset();
    if (std::exchange(discont_due_, false)) {
        buffer.reset(gst_buffer_make_writable(buffer.release()));
        GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT);
    }
    pending_.push(std::move(buffer), frame.own && properties.overload == Overload::kBicubic);
    if (!engine_.between_chunks()) return;
    const int left_to_push = worker_.frames_to_push();
    emit(ready_before);
    emit_when_due();
    overload_.note_chunk(engine_.in_first_chunk() ? Worker::kCapacity : left_to_push);
}

/* Of a frame on the device, only what is looked at comes to the host. */
bool Upscaler::begins_scene(MappedFrame* frame) {
    const SceneCut::Rows rows = SceneCut::rows_of(in_.info);
    if (!engine_reads_from_device_) {
        const GstVideoFrame* video = frame->video();
        return scene_cut_.begins_at(
            in_.info, static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(video, rows.plane)),
            gssize{rows.step} * GST_VIDEO_FRAME_PLANE_STRIDE(video, rows.plane));
    }
    scene_rows_.resize(size_t(rows.count) * rows.bytes);
    return cuda_input_.copy_rows(frame, rows.plane, rows.step, rows.count, rows.bytes,
                                 scene_rows_.data()) &&
           scene_cut_.begins_at(in_.info, scene_rows_.data(), rows.bytes);
}

bool Upscaler::push_to_engine(const MappedFrame& frame, const FlashvsrSettings& settings) {
    FlashvsrError error = {};
    if (!engine_.configure(settings, &error) || !engine_.push(frame.engine_frame(), &error)) {
        fail(error);
        return false;
    }
    return true;
}

/* NULL, after an error message: the buffer holds no frame. */
std::unique_ptr<MappedFrame> Upscaler::map_input(GstBuffer* buffer) {
    std::unique_ptr<MappedFrame> frame =
        engine_reads_from_device_ ? cuda_input_.map(buffer, in_.info)
                                  : std::make_unique<MappedFrame>(buffer, in_.info, GST_MAP_READ);
    if (frame && *frame) return frame;
    GST_ELEMENT_ERROR(transform_, STREAM, FORMAT,
                      ("The input buffer does not hold a frame of its caps."), (nullptr));
    worker_.fail(GST_FLOW_ERROR);
    return nullptr;
}

/* Lets the frames that the engine still owes go without its pictures. */
void Upscaler::replace_pending() {
    emit(engine_.ready());
    if (pending_.frames() > 0) {
        statistics_.count_replaced(pending_.frames());
        FlashvsrError error = {};
        if (!engine_.reset(&error)) fail(error);
    }
    while (!pending_.empty()) {
        Item item = pending_.pop();
        if (item.event) {
            worker_.emit(std::move(item));
        } else {
            run_bypass(std::move(item.buffer));
        }
    }
    fade_left_ = FLASHVSR_CHUNK;
}

void Upscaler::run_bypass(BufferPtr buffer) {
    BufferPtr output;
    const GstFlowReturn flow = output_.pass(std::move(buffer), &output);
    if (flow == GST_FLOW_OK) {
        worker_.emit({std::move(output), nullptr});
    } else {
        worker_.fail(flow);
    }
}

void Upscaler::sync_controlled_properties(GstBuffer* buffer) {
    const GstSegment* segment = &transform_->segment;
    if (segment->format != GST_FORMAT_TIME || !GST_BUFFER_PTS_IS_VALID(buffer)) return;
    const GstClockTime stream_time =
        gst_segment_to_stream_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    if (GST_CLOCK_TIME_IS_VALID(stream_time)) {
        gst_object_sync_values(GST_OBJECT_CAST(transform_), stream_time);
    }
}

/* From the time at which the next frame is expected; 0 if either is unknown. */
GstClockTime Upscaler::distance_of(GstClockTime time) const {
    if (!GST_CLOCK_TIME_IS_VALID(time) || !GST_CLOCK_TIME_IS_VALID(expected_pts_)) return 0;
    return time > expected_pts_ ? time - expected_pts_ : expected_pts_ - time;
}

/* True if the frame comes so far from its predecessor that the two do not belong together. */
bool Upscaler::follows_gap(GstBuffer* buffer) const {
    return GST_BUFFER_IS_DISCONT(buffer) &&
           distance_of(GST_BUFFER_PTS(buffer)) >
               std::max<GstClockTime>(GST_SECOND, 10 * latency_.frame_period());
}

/* True if the event says that no frame has come for so long that those inside shall not wait for
 * one: for as long as a chunk's frames would take. */
bool Upscaler::falls_silent(GstEvent* event) const {
    if (GST_EVENT_TYPE(event) != GST_EVENT_GAP) return false;
    GstClockTime start = GST_CLOCK_TIME_NONE;
    GstClockTime duration = GST_CLOCK_TIME_NONE;
    gst_event_parse_gap(event, &start, &duration);
    const bool ends = GST_CLOCK_TIME_IS_VALID(start) && GST_CLOCK_TIME_IS_VALID(duration);
    const GstClockTime end = ends ? start + duration : start;
    const GstClockTime period = latency_.frame_period();
    return std::max(distance_of(start), distance_of(end)) >
           (period > 0 ? FLASHVSR_CHUNK * period : GST_SECOND);
}

void Upscaler::note_time(GstBuffer* buffer) {
    const GstClockTime pts = GST_BUFFER_PTS(buffer);
    if (!GST_CLOCK_TIME_IS_VALID(pts)) return;
    latency_.observe_pts(pts);
    expected_pts_ = pts + (GST_BUFFER_DURATION_IS_VALID(buffer) ? GST_BUFFER_DURATION(buffer)
                                                                : latency_.frame_period());
    announce_latency();
}

/* ---- the stream in the engine --------------------------------------------------------------- */

/* Waits for the model, where it is still being loaded. False: no model, or no stream. */
bool Upscaler::open_stream() {
    if (engine_.is_open()) return true;
    if (!worker_.wait([this] { return model_.done(); })) return false;
    if (!model_.engine()) {
        worker_.fail(GST_FLOW_ERROR); /* what went wrong has been posted */
        return false;
    }
    const bool on_cuda = is_on_cuda(api_, model_.engine());
    engine_reads_from_device_ = in_.cuda && on_cuda;
    output_.set_engine_writes_to_device(out_.cuda && on_cuda);
    const auto memory = [on_cuda](const FrameLayout& layout) {
        return layout.cuda && on_cuda ? FLASHVSR_MEMORY_CUDA : FLASHVSR_MEMORY_HOST;
    };
    FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
    config.input = frame_info(in_.info);
    config.input.memory = memory(in_);
    config.output = frame_info(out_.info);
    config.output.memory = memory(out_);
    config.seed = seed_;
    const Properties properties = properties_->get();
    config.settings = properties.settings;
    config.tiling = properties.tiling;
    const KvCache kv = properties.kv_cache;
    if (kv == KvCache::kHost || kv == KvCache::kHostInt8)
        config.kv_memory = FLASHVSR_KV_MEMORY_HOST;
    if (kv == KvCache::kInt8 || kv == KvCache::kHostInt8) config.kv_type = FLASHVSR_KV_TYPE_INT8;
    if (properties.memory == Memory::kAuto) config.memory_policy = FLASHVSR_MEMORY_POLICY_AUTO;
    config.memory_limit = guint64{properties.memory_limit} << 20;
    FlashvsrError error = {};
    if (!engine_.open(api_, model_.engine(), config, pace_, &error)) {
        fail(error);
        return false;
    }
    note_memory(engine_.memory());
    return true;
}

void Upscaler::note_memory(const FlashvsrMemoryEstimate& estimate) {
    statistics_.begin_stream(estimate, kernels_of(api_, model_.engine()));
    if (*estimate.changes) {
        GST_ELEMENT_INFO(
            transform_, RESOURCE, SETTINGS,
            ("To fit into the device's memory, memory=auto has set %s.", estimate.changes),
            (nullptr));
    }
}

/* ---- out ------------------------------------------------------------------------------------- */

/* Lets every frame out. The next one is as good as the first of a stream. */
void Upscaler::start_anew() {
    drain_engine();
    scene_cut_.restart();
    latency_.restart();
}

void Upscaler::drain_engine() {
    expected_pts_ = GST_CLOCK_TIME_NONE;
    FlashvsrError error = {};
    if (pending_.frames() > 0 && !engine_.drain(&error)) {
        fail(error);
        return;
    }
    emit(engine_.ready());
}

/* Frames that are ready go at once where the engine has computed them already. Where it still does,
 * it would have nothing to do afterwards: then frames that wait for it go in first, a chunk of them
 * at most (see run_engine()). */
void Upscaler::emit_when_due() {
    if (!engine_.asynchronous() || worker_.frames_waiting() == 0) emit(engine_.ready());
}

/* Takes so many frames out of the engine and sends them off, with the events before and between
 * them. */
void Upscaler::emit(int frames) {
    while (!pending_.empty()) {
        if (pending_.front().event) {
            worker_.emit(pending_.pop());
            continue;
        }
        if (frames-- <= 0) break;
        BufferPtr upscaled;
        const GstFlowReturn flow = take_upscaled(pending_.front().buffer.get(), &upscaled);
        if (flow != GST_FLOW_OK) {
            worker_.fail(flow);
            forget_frames();
            return;
        }
        pending_.pop();
        if (const auto time = engine_.new_chunk_time()) note_chunk(*time);
        worker_.emit({std::move(upscaled), nullptr});
    }
}

/* After frames without the engine's pictures it comes in softly. */
GstFlowReturn Upscaler::take_upscaled(GstBuffer* origin, BufferPtr* upscaled) {
    const GstFlowReturn flow = output_.take(&engine_, origin, upscaled);
    if (flow != GST_FLOW_OK || fade_left_ == 0) return flow;
    const double share = 1.0 - static_cast<double>(fade_left_--) / (FLASHVSR_CHUNK + 1);
    return has_pixels(origin) ? output_.blend(origin, share, upscaled->get()) : GST_FLOW_OK;
}

void Upscaler::note_chunk(GstClockTime time) {
    latency_.note_chunk(engine_.in_first_chunk(), time);
    const int events_before = latency_events_;
    if (!announce_latency() || !live_) return;
    /* The frames of this chunk are later than announced. Most applications answer at once. */
    worker_.wait_for(kLatencyPatience, [&] { return latency_events_ != events_before; });
}

bool Upscaler::announce_latency() {
    spare_capacity_ = Worker::kCapacity * latency_.frame_period();
    if (!latency_.update()) return false;
    GST_CAT_DEBUG_OBJECT(flashvsr_latency_debug, transform_, "now %" GST_TIME_FORMAT,
                         GST_TIME_ARGS(latency_.reported()));
    gst_element_post_message(GST_ELEMENT_CAST(transform_),
                             gst_message_new_latency(GST_OBJECT_CAST(transform_)));
    return true;
}

/* By the source pad's task, and not by the base class, which would put a DISCONT that has come in
 * meanwhile on whichever buffer goes out next. */
GstFlowReturn Upscaler::push_downstream(BufferPtr buffer) {
    GstSegment* segment = &transform_->segment;
    if (segment->format == GST_FORMAT_TIME && GST_BUFFER_PTS_IS_VALID(buffer.get())) {
        segment->position = GST_BUFFER_PTS(buffer.get());
        if (GST_BUFFER_DURATION_IS_VALID(buffer.get())) {
            segment->position += GST_BUFFER_DURATION(buffer.get());
        }
    }
    statistics_.count_out();
    return gst_pad_push(transform_->srcpad, buffer.release());
}

/* ---- giving up frames ------------------------------------------------------------------------ */

/* Forgets the frames in the engine and lets the events between them out. */
void Upscaler::forget_frames() {
    while (!pending_.empty()) {
        Item item = pending_.pop();
        if (item.event) worker_.emit(std::move(item));
    }
    engine_.reset(nullptr);
}

void Upscaler::fail(const FlashvsrError& error) {
    post_engine_error(GST_ELEMENT_CAST(transform_), error);
    worker_.fail(GST_FLOW_ERROR);
    forget_frames();
}

void Upscaler::fail(const char* exception) {
    FlashvsrError error = {FLASHVSR_NO_MEMORY, ""};
    g_snprintf(error.message, sizeof(error.message), "A frame could not be handled: %s.",
               exception);
    fail(error);
}

}  // namespace flashvsr
