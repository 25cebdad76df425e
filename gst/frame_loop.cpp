// SPDX-License-Identifier: Apache-2.0
#include "gst/frame_loop.h"

#include <chrono>
#include <utility>

#include "gst/engine_error.h"
#include "gst/log.h"

#define GST_CAT_DEFAULT flashvsr_upscale_debug

namespace flashvsr {

namespace {

// As the model is made.
constexpr int kFramesPerLatent = 4;
// How long frames that are later than announced wait for the pipeline to hear of it.
constexpr std::chrono::milliseconds kLatencyPatience(100);

}  // namespace

FrameLoop::FrameLoop(const Shared& shared)
    : transform_(shared.transform),
      properties_(shared.properties),
      model_(shared.model),
      statistics_(shared.statistics),
      overload_(shared.overload),
      worker_(shared.worker),
      cuda_input_(shared.cuda),
      output_(shared.transform) {}

// ---- while the worker rests ------------------------------------------------------------------

void FrameLoop::open(const FlashvsrApi* api, const Properties& properties) {
    api_ = api;
    seed_ = properties.seed;
    pace_ = make_pace(kFramesPerLatent / properties.temporal_compression,
                      properties.startup == Startup::kFast);
    enabled_ = properties.enabled;
    latency_.set_active(enabled_);
    latency_.set_waits(pace_.first_wait(), pace_.later_wait());
    overload_->set_chunk_frames(pace_.chunk_frames());
}

void FrameLoop::configure(const FrameLayout& in, const FrameLayout& out) {
    engine_.close();
    in_ = in;
    out_ = out;
    cuda_input_.forget();
    scene_cut_.restart();
    output_.configure(in, out);
    const int numerator = GST_VIDEO_INFO_FPS_N(&in.info);
    latency_.set_frame_period(
        numerator > 0 ? gst_util_uint64_scale(GST_SECOND, GST_VIDEO_INFO_FPS_D(&in.info), numerator)
                      : GST_CLOCK_TIME_NONE);
    announce_latency();
}

void FrameLoop::close() {
    pending_.take();
    engine_.close();
    times_.forget();
    output_.set_allocation(nullptr, false);
    latency_.reset();
    output_.fade_in(0);
    discont_due_ = false;
}

FrameQueue FrameLoop::flush() {
    times_.forget();
    scene_cut_.restart();
    latency_.restart();
    FlashvsrError error = {};
    if (!engine_.reset(&error)) fail(error);
    statistics_->set_inside(0);
    output_.fade_in(0);
    return pending_.take();
}

// ---- in --------------------------------------------------------------------------------------

void FrameLoop::run(Item item) {
    if (worker_->failed()) forget_frames();
    if (item.event) {
        run_event(std::move(item.event));
    } else if (!item.buffer) {
        drain_engine();
    } else if (!worker_->failed()) {
        run_frame(std::move(item));
    }
    emit_when_due();
    statistics_->set_inside(pending_.frames());
    if (engine_.is_open()) statistics_->note_engine(engine_.stats());
}

void FrameLoop::run_event(EventPtr event) {
    if (pending_.frames() > 0 && times_.falls_silent(event.get(), latency_.frame_period())) {
        start_anew();
    }
    pending_.push(std::move(event));
    emit(0);
}

void FrameLoop::run_frame(Item frame) {
    GstBuffer* buffer = frame.buffer.get();
    sync_controlled_properties(buffer);
    const FrameProperties properties = properties_->of_frame();
    if (properties.enabled != enabled_ || times_.follows_gap(buffer, latency_.frame_period())) {
        start_anew();
        enabled_ = properties.enabled;
        latency_.set_active(enabled_);
    }
    if (GST_BUFFER_PTS_IS_VALID(buffer)) note_time(buffer);
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

void FrameLoop::run_engine(Item frame, const FrameProperties& properties) {
    BufferPtr& buffer = frame.buffer;
    if (!open_stream()) return;
    std::unique_ptr<MappedFrame> input = map_input(buffer.get());
    if (!input) return;
    if (properties.scene_cut == SceneCutMode::kReset && begins_scene(input.get())) {
        GST_DEBUG_OBJECT(transform_, "scene cut at %" GST_TIME_FORMAT,
                         GST_TIME_ARGS(GST_BUFFER_PTS(buffer.get())));
        drain_engine();
    }
    const int ready_before = engine_.ready();  // of the chunk before
    if (worker_->failed()) return;
    FlashvsrError error = {};
    if (!engine_.configure(properties.settings, &error) ||
        !engine_.push(input->engine_frame(), &error)) {
        fail(error);
        return;
    }
    input.reset();
    if (std::exchange(discont_due_, false)) mark_discont(&buffer);
    pending_.push(std::move(buffer), frame.own && properties.overload == Overload::kBicubic);
    if (!engine_.between_chunks()) return;
    const int left_to_push = worker_->frames_to_push();
    emit(ready_before);
    emit_when_due();
    overload_->note_chunk(engine_.in_first_chunk() ? Worker::kCapacity : left_to_push);
}

void FrameLoop::run_bypass(BufferPtr frame) {
    BufferPtr output;
    const GstFlowReturn flow = output_.pass(std::move(frame), &output);
    if (flow == GST_FLOW_OK) {
        worker_->emit({std::move(output), nullptr});
    } else {
        worker_->fail(flow);
    }
}

OverloadPolicy::Action FrameLoop::overload_action(Overload mode, GstBuffer* frame) {
    OverloadPolicy::Situation situation;
    situation.model_loaded = model_->done();
    situation.waiting = worker_->frames_waiting();
    situation.to_push = worker_->frames_to_push();
    situation.between_chunks = engine_.between_chunks();
    situation.replaceable = pending_.all_have_pixels();
    return overload_->action_for(mode, situation, frame, &transform_->segment);
}

// Lets the frames that the engine still owes go without its pictures.
void FrameLoop::replace_pending() {
    emit(engine_.ready());
    if (pending_.frames() > 0) {
        statistics_->count_replaced(pending_.frames());
        FlashvsrError error = {};
        if (!engine_.reset(&error)) fail(error);
    }
    while (!pending_.empty()) {
        Item item = pending_.pop();
        if (item.event) {
            worker_->emit(std::move(item));
        } else {
            run_bypass(std::move(item.buffer));
        }
    }
    output_.fade_in(FLASHVSR_CHUNK);
}

// Waits for the model, where it is still being loaded. False: no model, or no stream.
bool FrameLoop::open_stream() {
    if (engine_.is_open()) return true;
    if (!worker_->wait([this] { return model_->done(); })) return false;
    if (!model_->engine()) {
        worker_->fail(GST_FLOW_ERROR);  // what went wrong has been posted
        return false;
    }
    const bool on_cuda = is_on_cuda(api_, model_->engine());
    engine_reads_from_device_ = in_.cuda && on_cuda;
    output_.set_engine_writes_to_device(out_.cuda && on_cuda);
    FlashvsrStreamConfig config = stream_config(in_, out_, on_cuda, properties_->get());
    config.seed = seed_;
    FlashvsrError error = {};
    if (!engine_.open(api_, model_->engine(), config, pace_, &error)) {
        fail(error);
        return false;
    }
    const FlashvsrMemoryEstimate memory = engine_.memory();
    statistics_->begin_stream(memory, kernels_of(api_, model_->engine()));
    if (*memory.changes) {
        GST_ELEMENT_INFO(
            transform_, RESOURCE, SETTINGS,
            ("To fit into the device's memory, memory=auto has set %s.", memory.changes),
            (nullptr));
    }
    return true;
}

// NULL, after an error message: the buffer holds no frame.
std::unique_ptr<MappedFrame> FrameLoop::map_input(GstBuffer* frame) {
    std::unique_ptr<MappedFrame> mapped =
        engine_reads_from_device_ ? cuda_input_.map(frame, in_.info)
                                  : std::make_unique<MappedFrame>(frame, in_.info, GST_MAP_READ);
    if (mapped && *mapped) return mapped;
    GST_ELEMENT_ERROR(transform_, STREAM, FORMAT,
                      ("The input buffer does not hold a frame of its caps."), (nullptr));
    worker_->fail(GST_FLOW_ERROR);
    return nullptr;
}

// Only what is looked at of a frame on the device comes to the host.
bool FrameLoop::begins_scene(MappedFrame* frame) {
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

// ---- out -------------------------------------------------------------------------------------

// Lets every frame out. The next one is as good as the first of a stream.
void FrameLoop::start_anew() {
    drain_engine();
    scene_cut_.restart();
    latency_.restart();
}

void FrameLoop::drain_engine() {
    times_.forget();
    FlashvsrError error = {};
    if (pending_.frames() > 0 && !engine_.drain(&error)) {
        fail(error);
        return;
    }
    emit(engine_.ready());
}

// Frames that are ready go at once where the engine has computed them already. Where it still does,
// it would have nothing to do afterwards: then frames that wait for it go in first, a chunk of them
// at most (see run_engine()).
void FrameLoop::emit_when_due() {
    if (!engine_.asynchronous() || worker_->frames_waiting() == 0) emit(engine_.ready());
}

// Takes so many frames out of the engine and sends them off, with the events before and between
// them.
void FrameLoop::emit(int frames) {
    while (!pending_.empty()) {
        if (pending_.front().event) {
            worker_->emit(pending_.pop());
            continue;
        }
        if (frames-- <= 0) break;
        BufferPtr upscaled;
        const GstFlowReturn flow = output_.take(&engine_, pending_.front().buffer.get(), &upscaled);
        if (flow != GST_FLOW_OK) {
            worker_->fail(flow);
            forget_frames();
            return;
        }
        pending_.pop();
        if (const auto time = engine_.new_chunk_time()) note_chunk(*time);
        worker_->emit({std::move(upscaled), nullptr});
    }
}

// By the source pad's task, and not by the base class, which would put a DISCONT that has come in
// meanwhile on whichever buffer goes out next.
GstFlowReturn FrameLoop::push(BufferPtr frame) {
    GstSegment* segment = &transform_->segment;
    if (segment->format == GST_FORMAT_TIME && GST_BUFFER_PTS_IS_VALID(frame.get())) {
        segment->position = GST_BUFFER_PTS(frame.get());
        if (GST_BUFFER_DURATION_IS_VALID(frame.get())) {
            segment->position += GST_BUFFER_DURATION(frame.get());
        }
    }
    statistics_->count_out();
    return gst_pad_push(transform_->srcpad, frame.release());
}

// Forgets the frames in the engine and lets the events between them out.
void FrameLoop::forget_frames() {
    while (!pending_.empty()) {
        Item item = pending_.pop();
        if (item.event) worker_->emit(std::move(item));
    }
    engine_.reset(nullptr);
}

void FrameLoop::fail(const FlashvsrError& error) {
    post_engine_error(GST_ELEMENT_CAST(transform_), error);
    worker_->fail(GST_FLOW_ERROR);
    forget_frames();
}

void FrameLoop::fail(const char* exception) {
    FlashvsrError error = {FLASHVSR_NO_MEMORY, ""};
    g_snprintf(error.message, sizeof(error.message), "A frame could not be handled: %s.",
               exception);
    fail(error);
}

// ---- time ------------------------------------------------------------------------------------

void FrameLoop::sync_controlled_properties(GstBuffer* frame) {
    const GstSegment* segment = &transform_->segment;
    if (segment->format != GST_FORMAT_TIME || !GST_BUFFER_PTS_IS_VALID(frame)) return;
    const GstClockTime stream_time =
        gst_segment_to_stream_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(frame));
    if (GST_CLOCK_TIME_IS_VALID(stream_time)) {
        gst_object_sync_values(GST_OBJECT_CAST(transform_), stream_time);
    }
}

void FrameLoop::note_time(GstBuffer* frame) {
    latency_.observe_pts(GST_BUFFER_PTS(frame));
    times_.observe(frame, latency_.frame_period());
    announce_latency();
}

void FrameLoop::note_chunk(GstClockTime time) {
    latency_.note_chunk(engine_.in_first_chunk(), time);
    const int events_before = latency_events_;
    if (!announce_latency() || !overload_->live()) return;
    // The frames of this chunk are later than announced. Most applications answer at once.
    worker_->wait_for(kLatencyPatience, [&] { return latency_events_ != events_before; });
}

void FrameLoop::note_latency_event() {
    latency_events_++;
    worker_->wake();
}

bool FrameLoop::announce_latency() {
    spare_capacity_ = Worker::kCapacity * latency_.frame_period();
    if (!latency_.update()) return false;
    GST_CAT_DEBUG_OBJECT(flashvsr_latency_debug, transform_, "now %" GST_TIME_FORMAT,
                         GST_TIME_ARGS(latency_.reported()));
    gst_element_post_message(GST_ELEMENT_CAST(transform_),
                             gst_message_new_latency(GST_OBJECT_CAST(transform_)));
    return true;
}

}  // namespace flashvsr
