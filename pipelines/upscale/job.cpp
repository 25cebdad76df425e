#include "pipelines/upscale/job.h"

#include <glib-unix.h>

#include <csignal>

#include "pipelines/upscale/settings.h"

namespace upscale {

namespace {

constexpr char kElement[] = "flashvsrupscale";

std::string launch_line(const Output& output) {
    // Sound has to be able to wait for the upscaler and the encoder: multiqueue lets a queue grow
    // while another one is empty.
    return std::string(
               "filesrc name=source ! parsebin name=tracks "
               "multiqueue name=waiting max-size-buffers=64 max-size-bytes=0 max-size-time=0 "
               "decodebin name=decoder ! videoconvert name=input ! ") +
           kElement + " name=upscaler ! videoconvert ! " + output.encoder() + " ! " +
           (output.muxer() ? std::string(output.muxer()) + " name=muxer ! " : "") +
           "filesink name=sink";
}

GstElement* build(const Output& output) {
    GError* error = nullptr;
    GstElement* pipeline = gst_parse_launch_full(launch_line(output).c_str(), nullptr,
                                                 GST_PARSE_FLAG_FATAL_ERRORS, &error);
    if (!pipeline) {
        const std::string message = error->message;
        g_error_free(error);
        throw Failure(ExitCode::kMissing,
                      message + " (GST_PLUGIN_PATH names folders with more plugins)");
    }
    return pipeline;
}

/// An element of the pipeline, which goes on owning it.
GstElement* named(GstElement* pipeline, const char* name) {
    GstElement* element = gst_bin_get_by_name(GST_BIN(pipeline), name);
    if (element) gst_object_unref(element);
    return element;
}

GstClockTime running_time(GstPad* pad, GstClockTime time) {
    GstClockTime running = GST_CLOCK_TIME_NONE;
    GstEvent* event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
    if (event) {
        const GstSegment* segment = nullptr;
        gst_event_parse_segment(event, &segment);
        running = gst_segment_to_running_time(segment, GST_FORMAT_TIME, time);
        gst_event_unref(event);
    }
    return running;
}

/// Ends the stream at this pad in place of the buffer.
GstPadProbeReturn end_here(GstPad* pad, GstPadProbeInfo* info) {
    gst_buffer_unref(GST_PAD_PROBE_INFO_BUFFER(info));
    info->data = nullptr;
    GST_PAD_PROBE_INFO_FLOW_RETURN(info) = GST_FLOW_EOS;
    gst_pad_push_event(pad, gst_event_new_eos());
    return GST_PAD_PROBE_HANDLED;
}

/// A new pad of the muxer for a stream of this kind; null: the container does not hold it.
GstPad* request_pad(GstElement* muxer, GstCaps* caps) {
    const GList* templates = gst_element_class_get_pad_template_list(GST_ELEMENT_GET_CLASS(muxer));
    for (; templates; templates = templates->next) {
        auto* pad_template = GST_PAD_TEMPLATE(templates->data);
        if (GST_PAD_TEMPLATE_DIRECTION(pad_template) == GST_PAD_SINK &&
            gst_caps_can_intersect(GST_PAD_TEMPLATE_CAPS(pad_template), caps)) {
            return gst_element_request_pad(muxer, pad_template, nullptr, nullptr);
        }
    }
    return nullptr;
}

std::string kind(const GstCaps* caps) {
    return caps && gst_caps_get_size(caps) ? gst_structure_get_name(gst_caps_get_structure(caps, 0))
                                           : "unknown";
}

void link(GstPad* from, GstPad* to) {
    if (gst_pad_link(from, to) != GST_PAD_LINK_OK) {
        g_warning("cannot link %s to %s", GST_PAD_NAME(from), GST_PAD_NAME(to));
    }
}

}  // namespace

Job::Job(const Options& options, const Output& output)
    : keep_audio_(options.audio),
      ending_(output.ending()),
      pipeline_(build(output)),
      upscaler_(named(pipeline_, "upscaler")),
      tracks_(named(pipeline_, "tracks")),
      waiting_(named(pipeline_, "waiting")),
      muxer_(named(pipeline_, "muxer")),
      loop_(g_main_loop_new(nullptr, FALSE)) {
    try {
        apply_settings(upscaler_, options.settings);
    } catch (const Failure&) {
        g_main_loop_unref(loop_);
        gst_object_unref(pipeline_);
        throw;
    }
    g_object_set(named(pipeline_, "source"), "location", options.input.c_str(), nullptr);
    g_object_set(named(pipeline_, "sink"), "location", output.temporary().c_str(), nullptr);
    g_signal_connect(tracks_, "pad-added", G_CALLBACK(on_pad_added), this);
    g_signal_connect(tracks_, "no-more-pads", G_CALLBACK(on_no_more_pads), this);
    watch_frames();
}

Job::~Job() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
    g_main_loop_unref(loop_);
}

void Job::watch_frames() {
    GstPad* input = gst_element_get_static_pad(named(pipeline_, "input"), "src");
    gst_pad_add_probe(input, GST_PAD_PROBE_TYPE_BUFFER, on_input_frame, this, nullptr);
    gst_object_unref(input);
    GstPad* encoded = gst_element_get_static_pad(named(pipeline_, "encoder"), "src");
    gst_pad_add_probe(encoded, GST_PAD_PROBE_TYPE_BUFFER, on_output_frame, this, nullptr);
    gst_object_unref(encoded);
}

ExitCode Job::run(Progress* progress) {
    progress_ = progress;
    GstBus* bus = gst_element_get_bus(pipeline_);
    gst_bus_add_watch(bus, on_message, this);
    const guint sources[] = {g_unix_signal_add(SIGINT, on_signal, this),
                             g_unix_signal_add(SIGTERM, on_signal, this),
                             g_timeout_add_seconds(1, on_second, this)};
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    g_main_loop_run(loop_);
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    for (const guint source : sources) g_source_remove(source);
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
    try {
        check_complete();
    } catch (const Failure&) {
        progress->end(interrupted_ ? "interrupted" : "failed", frames_out_, {});
        throw;
    }
    return interrupted_ ? ExitCode::kInterrupted : ExitCode::kDone;
}

void Job::check_complete() const {
    if (!error_.empty()) throw Failure(ExitCode::kFailed, error_);
    if (!ended_ || (interrupted_ && frames_out_ == 0)) {
        throw Failure(ExitCode::kInterrupted, "interrupted, nothing written");
    }
    if (frames_out_ == 0) throw Failure(ExitCode::kInput, "the input has no frame");
    if (frames_in_ != frames_out_) {
        throw Failure(ExitCode::kFailed, std::to_string(frames_in_) + " frames went in, " +
                                             std::to_string(frames_out_) + " came out");
    }
}

double Job::scale() const {
    gdouble scale = 0;
    g_object_get(upscaler_, "scale", &scale, nullptr);
    return scale;
}

// ---- Tracks, on a streaming thread -----------------------------------------------------------

void Job::on_pad_added(GstElement*, GstPad* pad, gpointer self) {
    static_cast<Job*>(self)->link_track(pad);
}

void Job::on_no_more_pads(GstElement* tracks, gpointer self) {
    if (!static_cast<Job*>(self)->has_video_) {
        GST_ELEMENT_ERROR(tracks, STREAM, WRONG_TYPE, ("the input has no video"), (nullptr));
    }
}

void Job::link_track(GstPad* pad) {
    GstCaps* caps = gst_pad_get_current_caps(pad);
    if (!caps) caps = gst_pad_query_caps(pad, nullptr);
    const std::string name = kind(caps);
    if (name.rfind("audio/", 0) == 0) {
        link_audio(pad, caps);
    } else if (name.rfind("video/", 0) == 0 && !has_video_) {
        link_video(pad);
    } else {
        note("a track of the kind " + name + " is left out");
    }
    gst_caps_unref(caps);
}

void Job::link_video(GstPad* pad) {
    has_video_ = true;
    GstPad* queued = through_queue(pad);
    GstPad* decoder = gst_element_get_static_pad(named(pipeline_, "decoder"), "sink");
    link(queued, decoder);
    gst_object_unref(decoder);
    gst_object_unref(queued);
}

void Job::link_audio(GstPad* pad, GstCaps* caps) {
    if (!keep_audio_) return;
    const std::string what =
        "audio track " + std::to_string(++audio_track_) + " (" + kind(caps) + ") is left out: ";
    // AAC has two forms, and aacparse turns the one into the other: the packets stay.
    const bool aac = gst_structure_has_name(gst_caps_get_structure(caps, 0), "audio/mpeg") &&
                     gst_structure_has_field_typed(gst_caps_get_structure(caps, 0), "stream-format",
                                                   G_TYPE_STRING);
    GstCaps* wanted = gst_caps_copy(caps);
    if (aac) gst_caps_set_simple(wanted, "stream-format", G_TYPE_STRING, "raw", nullptr);
    GstPad* held = muxer_ ? request_pad(muxer_, wanted) : nullptr;
    gst_caps_unref(wanted);
    if (!held) {
        note(what + ending_ + " does not hold it" + (ending_ == "mkv" ? "" : ", mkv may"));
        return;
    }
    GstPad* queued = through_queue(pad);
    gst_pad_add_probe(queued, GST_PAD_PROBE_TYPE_BUFFER, on_sound, this, nullptr);
    GstElement* parser = aac ? gst_element_factory_make("aacparse", nullptr) : nullptr;
    if (parser) {
        gst_bin_add(GST_BIN(pipeline_), parser);
        GstPad* in = gst_element_get_static_pad(parser, "sink");
        GstPad* out = gst_element_get_static_pad(parser, "src");
        link(out, held);
        gst_element_sync_state_with_parent(parser);
        link(queued, in);
        gst_object_unref(in);
        gst_object_unref(out);
    } else {
        link(queued, held);
    }
    gst_object_unref(queued);
    gst_object_unref(held);
}

/// The far end of a queue for the pad's stream.
GstPad* Job::through_queue(GstPad* pad) {
    GstPad* in = gst_element_request_pad_simple(waiting_, "sink_%u");
    const std::string name = std::string("src_") + (GST_PAD_NAME(in) + 5);
    link(pad, in);
    gst_object_unref(in);
    return gst_element_get_static_pad(waiting_, name.c_str());
}

void Job::note(const std::string& text) {
    GstStructure* note = gst_structure_new("note", "text", G_TYPE_STRING, text.c_str(), nullptr);
    gst_element_post_message(pipeline_, gst_message_new_application(GST_OBJECT(pipeline_), note));
}

// ---- Frames, on streaming threads ------------------------------------------------------------

GstPadProbeReturn Job::on_input_frame(GstPad* pad, GstPadProbeInfo* info, gpointer self) {
    auto* job = static_cast<Job*>(self);
    if (job->interrupted_) return end_here(pad, info);
    ++job->frames_in_;
    const GstBuffer* frame = GST_PAD_PROBE_INFO_BUFFER(info);
    if (GST_BUFFER_PTS_IS_VALID(frame)) {
        const GstClockTime length =
            GST_BUFFER_DURATION_IS_VALID(frame) ? GST_BUFFER_DURATION(frame) : 0;
        const GstClockTime end = running_time(pad, GST_BUFFER_PTS(frame) + length);
        if (GST_CLOCK_TIME_IS_VALID(end)) job->end_time_ = end;
    }
    return GST_PAD_PROBE_OK;
}

GstPadProbeReturn Job::on_output_frame(GstPad*, GstPadProbeInfo*, gpointer self) {
    ++static_cast<Job*>(self)->frames_out_;
    return GST_PAD_PROBE_OK;
}

/// Interrupted: the sound ends where the video does.
GstPadProbeReturn Job::on_sound(GstPad* pad, GstPadProbeInfo* info, gpointer self) {
    auto* job = static_cast<Job*>(self);
    if (!job->interrupted_) return GST_PAD_PROBE_OK;
    const GstBuffer* packet = GST_PAD_PROBE_INFO_BUFFER(info);
    if (!GST_BUFFER_PTS_IS_VALID(packet)) return GST_PAD_PROBE_OK;
    const GstClockTime time = running_time(pad, GST_BUFFER_PTS(packet));
    const bool after = GST_CLOCK_TIME_IS_VALID(time) && time >= job->end_time_;
    return after ? end_here(pad, info) : GST_PAD_PROBE_OK;
}

// ---- Main thread -----------------------------------------------------------------------------

gboolean Job::on_signal(gpointer self) {
    static_cast<Job*>(self)->interrupt();
    return G_SOURCE_CONTINUE;
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
    const GstMessageType type = GST_MESSAGE_TYPE(message);
    if (type == GST_MESSAGE_EOS) {
        ended_ = true;
        return true;
    }
    if (type == GST_MESSAGE_APPLICATION) {
        progress_->say(gst_structure_get_string(gst_message_get_structure(message), "text"));
    } else if (type == GST_MESSAGE_ERROR || type == GST_MESSAGE_WARNING) {
        GError* error = nullptr;
        type == GST_MESSAGE_ERROR ? gst_message_parse_error(message, &error, nullptr)
                                  : gst_message_parse_warning(message, &error, nullptr);
        if (type == GST_MESSAGE_ERROR) {
            error_ = error->message;
        } else {
            progress_->say(error->message);
        }
        g_error_free(error);
        return type == GST_MESSAGE_ERROR;
    }
    return false;
}

}  // namespace upscale
