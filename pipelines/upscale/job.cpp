#include "pipelines/upscale/job.h"

#include <algorithm>
#include <utility>

#include "pipelines/common/launch.h"
#include "pipelines/upscale/launch_line.h"
#include "pipelines/upscale/settings.h"
#include "pipelines/upscale/signals.h"

namespace upscale {

namespace {

using pipelines::named;
using pipelines::text_of;

constexpr GstClockTime kNone = GST_CLOCK_TIME_NONE;

/// The stream time of a buffer on this pad; NONE: it has none.
GstClockTime stream_time(GstPad* pad, GstClockTime time) {
    GstClockTime result = kNone;
    GstEvent* event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    if (event) {
        const GstSegment* segment = nullptr;
        gst_event_parse_segment(event, &segment);
        result = gst_segment_to_stream_time(segment, GST_FORMAT_TIME, time);
        gst_event_unref(event);
    }
    return result;
}

/// Ends the stream at this pad in place of the buffer.
GstPadProbeReturn end_here(GstPad* pad, GstPadProbeInfo* info) {
    gst_buffer_unref(GST_PAD_PROBE_INFO_BUFFER(info));
    info->data = nullptr;
    GST_PAD_PROBE_INFO_FLOW_RETURN(info) = GST_FLOW_EOS;
    gst_pad_push_event(pad, gst_event_new_eos());
    return GST_PAD_PROBE_HANDLED;
}

gulong add_probe(GstElement* element, const char* pad_name, int type, GstPadProbeCallback callback,
                 gpointer self) {
    GstPad* pad = gst_element_get_static_pad(element, pad_name);
    const gulong id =
        gst_pad_add_probe(pad, static_cast<GstPadProbeType>(type), callback, self, nullptr);
    gst_object_unref(pad);
    return id;
}

double scale_of(GstElement* upscaler) {
    gdouble scale = 0;
    g_object_get(upscaler, "scale", &scale, nullptr);
    return scale;
}

}  // namespace

Job::Job(const Options& options, const Source& source, const Media& media, JobPlan plan,
         Writer* writer)
    : options_(options),
      source_(source),
      media_(media),
      plan_(std::move(plan)),
      writer_(writer),
      loop_(g_main_loop_new(nullptr, FALSE)) {
    try {
        build();
    } catch (const Failure&) {
        if (pipeline_) gst_object_unref(pipeline_);
        g_main_loop_unref(loop_);
        throw;
    }
    set_up_source();
    watch_frames();
}

Job::~Job() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
    g_main_loop_unref(loop_);
}

void Job::build() {
    GstElement* probe = make_upscaler(options_.settings);
    const double scale = scale_of(probe);
    gst_object_unref(probe);
    pipeline_ = pipelines::launch(launch_line(options_, source_, media_, scale, plan_.encoder));
    upscaler_ = named(pipeline_, "upscaler");
    apply_settings(upscaler_, options_.settings);
}

void Job::set_up_source() {
    GstElement* source = named(pipeline_, "source");
    if (source_.kind() == Source::Kind::kFile) {
        g_object_set(source, "location", source_.path().c_str(), nullptr);
        GstElement* tracks = named(pipeline_, "tracks");
        g_signal_connect(tracks, "pad-added", G_CALLBACK(on_pad_added), this);
        g_signal_connect(tracks, "no-more-pads", G_CALLBACK(on_no_more_pads), this);
        return;
    }
    const GstClockTime begin =
        plan_.window.start > plan_.lead_in ? plan_.window.start - plan_.lead_in : 0;
    const double fps = options_.fps > 0 ? options_.fps : 30;
    // The images before it are not even read; a pipe has to be.
    const bool images = source_.kind() == Source::Kind::kImages;
    const auto first = images ? static_cast<size_t>(static_cast<double>(begin) / 1e9 * fps) : 0;
    feed_ = std::make_unique<Feed>(source, source_, fps, first);
}

void Job::watch_frames() {
    GstElement* input = named(pipeline_, "input");
    gate_ = add_probe(input, "sink", GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BLOCK,
                      on_first_frame, this);
    add_probe(input, "src", GST_PAD_PROBE_TYPE_BUFFER, on_input_frame, this);
    add_probe(named(pipeline_, "encoder"), "sink", GST_PAD_PROBE_TYPE_BUFFER, on_upscaled_frame,
              this);
    GstAppSinkCallbacks callbacks{};
    callbacks.new_sample = on_sample;
    gst_app_sink_set_callbacks(GST_APP_SINK(named(pipeline_, "sink")), &callbacks, this, nullptr);
}

JobResult Job::run(Progress* progress, Report* report) {
    progress_ = progress;
    report_ = report;
    run_loop();
    check_complete();
    writer_->finish(written_end());
    return {interrupted_, !cut_, frames_out_, origin_};
}

void Job::run_loop() {
    GstBus* bus = gst_element_get_bus(pipeline_);
    gst_bus_add_watch(bus, on_message, this);
    const Interruption interruption([this] { interrupt(); });
    const guint every_second = g_timeout_add_seconds(1, on_second, this);
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    g_main_loop_run(loop_);
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    g_source_remove(every_second);
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
}

void Job::check_complete() {
    const std::lock_guard<std::mutex> lock(failure_mutex_);
    report_->check();
    if (!failure_.empty()) throw Failure(ExitCode::kFailed, failure_);
    if (!error_.empty()) throw Failure(ExitCode::kFailed, source_.name() + ": " + error_);
    if (!ended_ || (interrupted_ && frames_out_ == 0)) {
        throw Failure(ExitCode::kInterrupted, "interrupted, nothing written");
    }
    if (source_.kind() == Source::Kind::kImages && !cut_ && !interrupted_ &&
        decoded_ != feed_->handed()) {
        throw Failure(ExitCode::kFailed, source_.name() + ": of " +
                                             std::to_string(feed_->handed()) + " images only " +
                                             std::to_string(decoded_) + " can be read");
    }
    // In a comparison the compositor makes frames at a rate of its own.
    if (options_.compare.empty() && frames_wanted_ != frames_out_) {
        throw Failure(ExitCode::kFailed, std::to_string(frames_wanted_) + " frames went in, " +
                                             std::to_string(frames_out_) + " came out");
    }
}

/// Where the video was cut; NONE: the input's end.
GstClockTime Job::written_end() const {
    if (interrupted_) return end_time_;
    return cut_ ? plan_.window.end : kNone;
}

bool Job::has_to_seek() const {
    // A comparison's times are running times, which a seek would have begin anew.
    return source_.kind() == Source::Kind::kFile && options_.compare.empty() &&
           plan_.window.start > plan_.lead_in + GST_SECOND;
}

// ---- Tracks, on a streaming thread -----------------------------------------------------------

void Job::on_pad_added(GstElement*, GstPad* pad, gpointer self) {
    static_cast<Job*>(self)->link_track(pad);
}

void Job::on_no_more_pads(GstElement* tracks, gpointer self) {
    if (!static_cast<Job*>(self)->has_video_) {
        GST_ELEMENT_ERROR(tracks, STREAM, WRONG_TYPE, ("no video that can be read"), (nullptr));
    }
}

/// The first video goes to the decoder; Mux copies the other tracks.
void Job::link_track(GstPad* pad) {
    GstCaps* caps = gst_pad_get_current_caps(pad);
    if (!caps) caps = gst_pad_query_caps(pad, nullptr);
    const bool video =
        gst_caps_get_size(caps) > 0 &&
        g_str_has_prefix(gst_structure_get_name(gst_caps_get_structure(caps, 0)), "video/");
    gst_caps_unref(caps);
    if (!video || has_video_) return;
    has_video_ = true;
    if (media_.matroska) {
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_segment, this, nullptr);
    }
    GstPad* decoder = gst_element_get_static_pad(named(pipeline_, "decoder"), "sink");
    if (gst_pad_link(pad, decoder) != GST_PAD_LINK_OK) fail("the video cannot be decoded");
    gst_object_unref(decoder);
}

/// matroskademux moves its segment by the first frame's time when another track turns out to begin
/// before it, and so would every time that comes after. Its time stamps are the file's times: that
/// is what this segment says, always.
GstPadProbeReturn Job::on_segment(GstPad*, GstPadProbeInfo* info, gpointer) {
    GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
    if (GST_EVENT_TYPE(event) != GST_EVENT_SEGMENT) return GST_PAD_PROBE_OK;
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    GstEvent* plain = gst_event_new_segment(&segment);
    gst_event_set_seqnum(plain, gst_event_get_seqnum(event));
    gst_event_unref(event);
    info->data = plain;
    return GST_PAD_PROBE_OK;
}

// ---- Frames, on streaming threads ------------------------------------------------------------

/// Says when the video begins, then waits for the jump to where the window does.
GstPadProbeReturn Job::on_first_frame(GstPad* pad, GstPadProbeInfo* info, gpointer self) {
    auto* job = static_cast<Job*>(self);
    if (std::exchange(job->sought_, true)) return GST_PAD_PROBE_REMOVE;
    const GstClockTime time = stream_time(pad, GST_BUFFER_PTS(GST_PAD_PROBE_INFO_BUFFER(info)));
    if (GST_CLOCK_TIME_IS_VALID(time) && job->source_.kind() == Source::Kind::kFile) {
        job->origin_ = time;
        job->writer_->set_origin(time);
    }
    if (!job->has_to_seek()) return GST_PAD_PROBE_REMOVE;
    gst_element_post_message(
        job->pipeline_,
        gst_message_new_application(GST_OBJECT(job->pipeline_), gst_structure_new_empty("seek")));
    return GST_PAD_PROBE_OK;
}

GstPadProbeReturn Job::on_input_frame(GstPad* pad, GstPadProbeInfo* info, gpointer self) {
    return static_cast<Job*>(self)->take_input(pad, info);
}

GstPadProbeReturn Job::take_input(GstPad* pad, GstPadProbeInfo* info) {
    if (interrupted_) return end_here(pad, info);
    ++decoded_;
    const GstBuffer* frame = GST_PAD_PROBE_INFO_BUFFER(info);
    const GstClockTime time = stream_time(pad, GST_BUFFER_PTS(frame));
    const bool timed = GST_CLOCK_TIME_IS_VALID(time);
    if (timed && time + plan_.lead_in < plan_.window.start) return GST_PAD_PROBE_DROP;
    if ((timed && time >= plan_.window.end) ||
        (plan_.most_frames && frames_in_ >= plan_.most_frames)) {
        cut_ = true;
        return end_here(pad, info);
    }
    ++frames_in_;
    if (!timed || time >= plan_.window.start) ++frames_wanted_;
    if (timed) {
        end_time_ = time + (GST_BUFFER_DURATION_IS_VALID(frame) ? GST_BUFFER_DURATION(frame) : 0);
    }
    return GST_PAD_PROBE_OK;
}

GstPadProbeReturn Job::on_upscaled_frame(GstPad* pad, GstPadProbeInfo* info, gpointer self) {
    auto* job = static_cast<Job*>(self);
    if (job->plan_.lead_in == 0) return GST_PAD_PROBE_OK;
    const GstClockTime time = stream_time(pad, GST_BUFFER_PTS(GST_PAD_PROBE_INFO_BUFFER(info)));
    return time < job->plan_.window.start ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

GstFlowReturn Job::on_sample(GstAppSink* sink, gpointer self) {
    auto* job = static_cast<Job*>(self);
    GstSample* sample = gst_app_sink_pull_sample(sink);
    if (!sample) return GST_FLOW_EOS;
    GstFlowReturn flow = GST_FLOW_OK;
    try {
        job->writer_->write(sample);
        ++job->frames_out_;
    } catch (const Failure& failure) {
        job->fail(failure.what());
        flow = GST_FLOW_ERROR;
    }
    gst_sample_unref(sample);
    return flow;
}

void Job::fail(const std::string& why) {
    {
        const std::lock_guard<std::mutex> lock(failure_mutex_);
        if (failure_.empty()) failure_ = why;
    }
    gst_element_post_message(
        pipeline_,
        gst_message_new_application(GST_OBJECT(pipeline_), gst_structure_new_empty("failure")));
}

// ---- Main thread -----------------------------------------------------------------------------

/// To the key frame before the window and its lead-in; what comes before those is dropped. A file
/// without an index is decoded from its beginning.
void Job::seek() {
    GstPad* input = gst_element_get_static_pad(named(pipeline_, "input"), "sink");
    GstPad* decoded = gst_pad_get_peer(input);
    const auto flags = static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT |
                                                 GST_SEEK_FLAG_SNAP_BEFORE);
    const auto begin = static_cast<gint64>(plan_.window.start - plan_.lead_in);
    const gboolean done = gst_pad_send_event(
        decoded, gst_event_new_seek(1.0, GST_FORMAT_TIME, flags, GST_SEEK_TYPE_SET, begin,
                                    GST_SEEK_TYPE_NONE, -1));
    if (!done) gst_pad_remove_probe(input, gate_);
    gst_object_unref(decoded);
    gst_object_unref(input);
}

void Job::interrupt() {
    const bool again = interrupted_.exchange(true);
    if (again || frames_in_ == 0) {
        g_main_loop_quit(loop_);
    } else {
        progress_->say("interrupted; finishing the file (once more to give it up)");
    }
}

gboolean Job::on_second(gpointer self) {
    auto* job = static_cast<Job*>(self);
    job->progress_->show(job->frames_out_, job->device_memory());
    if (job->report_->refused()) g_main_loop_quit(job->loop_);
    return G_SOURCE_CONTINUE;
}

guint64 Job::device_memory() const {
    GstStructure* stats = nullptr;
    g_object_get(upscaler_, "stats", &stats, nullptr);
    guint64 memory = 0;
    if (stats) {
        gst_structure_get_uint64(stats, "device-memory", &memory);
        gst_structure_free(stats);
    }
    return memory;
}

gboolean Job::on_message(GstBus*, GstMessage* message, gpointer self) {
    auto* job = static_cast<Job*>(self);
    if (job->handle(message)) g_main_loop_quit(job->loop_);
    return G_SOURCE_CONTINUE;
}

/// True: the run is over.
bool Job::handle(GstMessage* message) {
    switch (GST_MESSAGE_TYPE(message)) {
        case GST_MESSAGE_EOS: ended_ = true; return true;
        case GST_MESSAGE_APPLICATION:
            if (gst_message_has_name(message, "failure")) return true;
            seek();
            return false;
        case GST_MESSAGE_ERROR: error_ = text_of(message); return true;
        case GST_MESSAGE_INFO:
        case GST_MESSAGE_WARNING: progress_->say(text_of(message)); return false;
        default: return false;
    }
}

}  // namespace upscale
