// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/broadcast.h"

#include <gst/video/video.h>

#include <algorithm>

#include "pipelines/cli/exit_code.h"
#include "pipelines/cli/launch.h"
#include "pipelines/cli/property.h"
#include "pipelines/live/bridge.h"
#include "pipelines/live/guard.h"
#include "pipelines/webrtc/main_thread.h"

namespace webrtc {

namespace {

using nlohmann::json;
using pipelines::named;

constexpr const char* kElementControls[] = {"strength", "color-fix", "sparse-ratio"};
constexpr char kTimeCodeControl[] = "time-code";

// A small picture needs more bits for each of its pixels.
constexpr double kInputBitsPerPixel = 0.4, kOutputBitsPerPixel = 0.2;

std::string launch_line(const Codec& codec) {
    const auto branch = [&](const std::string& name) {
        return "clocksync name=" + name + "-pacing ! videoconvert ! video/x-raw,format=I420 ! " +
               codec.encoder_line(name + "-encoder") + " ! appsink name=" + name +
               "-feed sync=false async=false max-buffers=4 drop=true";
    };
    return "appsrc name=source ! videoconvert ! video/x-raw,format=I420 ! identity name=entry ! "
           "tee name=frames "
           "frames. ! queue max-size-buffers=0 max-size-bytes=0 max-size-time=20000000000 ! " +
           branch("input") +
           " frames. ! queue name=waiting leaky=downstream max-size-buffers=0 max-size-bytes=0 "
           "max-size-time=4000000000 ! "
           "flashvsrupscale name=upscaler ! " +
           branch("output");
}

// From the source to the element.
GstClockTime latency_before(GstElement* element) {
    GstPad* pad = gst_element_get_static_pad(element, "sink");
    GstQuery* query = gst_query_new_latency();
    GstClockTime minimum = 0;
    if (gst_pad_peer_query(pad, query)) gst_query_parse_latency(query, nullptr, &minimum, nullptr);
    gst_query_unref(query);
    gst_object_unref(pad);
    return minimum;
}

// Width and height of what comes to the element, or null.
json size_at(GstElement* element) {
    GstPad* pad = gst_element_get_static_pad(element, "sink");
    GstCaps* caps = gst_pad_get_current_caps(pad);
    gst_object_unref(pad);
    int width = 0, height = 0;
    if (caps) {
        const GstStructure* structure = gst_caps_get_structure(caps, 0);
        gst_structure_get_int(structure, "width", &width);
        gst_structure_get_int(structure, "height", &height);
        gst_caps_unref(caps);
    }
    return width > 0 ? json{width, height} : json();
}

json property_of(GstElement* element, const char* name) {
    GValue value = G_VALUE_INIT;
    g_object_get_property(G_OBJECT(element), name, &value);
    json result;
    if (G_VALUE_HOLDS_DOUBLE(&value)) {
        result = g_value_get_double(&value);
    } else {
        gchar* text = gst_value_serialize(&value);
        result = text;
        g_free(text);
    }
    g_value_unset(&value);
    return result;
}

guint64 frames_in(GstElement* upscaler) {
    GstStructure* stats = nullptr;
    g_object_get(upscaler, "stats", &stats, nullptr);
    guint64 frames = 0;
    gst_structure_get_uint64(stats, "in", &frames);
    gst_structure_free(stats);
    return frames;
}

json to_json(const GValue* value) {
    if (G_VALUE_HOLDS_UINT64(value)) return g_value_get_uint64(value);
    if (G_VALUE_HOLDS_INT(value)) return g_value_get_int(value);
    if (G_VALUE_HOLDS_DOUBLE(value)) return g_value_get_double(value);
    return nullptr;
}

}  // namespace

Broadcast::Broadcast(const Options& options, pipelines::Source::Say say)
    : codec_(*options.codec),
      network_(options.network),
      pipeline_(pipelines::launch(launch_line(codec_))),
      upscaler_(named(pipeline_, "upscaler")),
      waiting_(named(pipeline_, "waiting")),
      input_pacing_(named(pipeline_, "input-pacing")),
      output_pacing_(named(pipeline_, "output-pacing")),
      time_code_(std::make_unique<TimeCode>(named(pipeline_, "entry"))),
      input_feed_(std::make_unique<Feed>(named(pipeline_, "input-feed"))),
      output_feed_(std::make_unique<Feed>(named(pipeline_, "output-feed"))) {
    time_code_->set_enabled(options.time_code);
    codec_.control_rate(named(pipeline_, "input-encoder"), kInputBitsPerPixel, 0);
    codec_.control_rate(named(pipeline_, "output-encoder"), kOutputBitsPerPixel, options.bitrate);
    try {
        options.upscaler.apply(upscaler_);
    } catch (const pipelines::Failure&) {
        gst_object_unref(pipeline_);
        throw;
    }
    pipelines::use_shared_clock(pipeline_);
    source_ = std::make_unique<pipelines::Source>(
        options.source, GST_APP_SRC(named(pipeline_, "source")), nullptr, std::move(say));
    GstPad* upscaled = gst_element_get_static_pad(upscaler_, "src");
    const auto what =
        static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_FLUSH);
    gst_pad_add_probe(upscaled, what, on_first_frames, this, nullptr);
    gst_object_unref(upscaled);
    GstBus* bus = gst_element_get_bus(pipeline_);
    gst_bus_add_watch(bus, on_message, this);
    gst_object_unref(bus);
}

Broadcast::~Broadcast() {
    source_.reset();
    GstBus* bus = gst_element_get_bus(pipeline_);
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    time_code_.reset();
    input_feed_.reset();
    output_feed_.reset();
    gst_object_unref(pipeline_);
}

void Broadcast::play(std::function<void(const std::string&)> on_end) {
    on_end_ = std::move(on_end);
    gst_element_set_state(pipeline_, GST_STATE_PAUSED);  // PLAYING when the model is there
}

std::shared_ptr<Viewer> Broadcast::make_viewer(Viewer::Send send) {
    return std::make_shared<Viewer>(pipeline_, input_feed_.get(), output_feed_.get(), codec_,
                                    network_, std::move(send));
}

// ---- What the page shows and sets ------------------------------------------------------------

json Broadcast::statistics() const {
    GstStructure* stats = nullptr;
    g_object_get(upscaler_, "stats", &stats, nullptr);
    json result = {{"state", state_},
                   {"source-up", source_->up()},
                   {"source-losses", source_->losses()},
                   {"codec", codec_.name},
                   {"input-size", size_at(input_pacing_)},
                   {"output-size", size_at(output_pacing_)}};
    for (int i = 0; stats && i < gst_structure_n_fields(stats); ++i) {
        const char* name = gst_structure_nth_field_name(stats, i);
        result[name] = to_json(gst_structure_get_value(stats, name));
    }
    if (stats) gst_structure_free(stats);
    result["dropped"] = result["dropped"].get<guint64>() + missed(result["in"]);
    return result;
}

// Frames that were dropped before the upscaler could take them.
guint64 Broadcast::missed(guint64 taken) const {
    guint waiting = 0;
    g_object_get(waiting_, "current-level-buffers", &waiting, nullptr);
    const guint64 known = flushed_ + taken + waiting + 1;  // one may be on its way
    return time_code_->frames() > known ? time_code_->frames() - known : 0;
}

json Broadcast::controls() const {
    json result = {{kTimeCodeControl, time_code_->enabled()}};
    for (const char* name : kElementControls) result[name] = property_of(upscaler_, name);
    return result;
}

void Broadcast::set_control(const std::string& name, const json& value) {
    if (name == kTimeCodeControl && value.is_boolean()) {
        time_code_->set_enabled(value.get<bool>());
        return;
    }
    if (std::find(std::begin(kElementControls), std::end(kElementControls), name) ==
        std::end(kElementControls)) {
        throw pipelines::Failure(pipelines::ExitCode::kUsage, name + " cannot be set");
    }
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    pipelines::set_property(upscaler_, name, text, name);
}

double Broadcast::running_time() const {
    const GstClockTime now = pipelines::running_now(pipeline_);
    return GST_CLOCK_TIME_IS_VALID(now) ? static_cast<double>(now) / GST_MSECOND : 0;
}

// ---- The pipeline's messages -----------------------------------------------------------------

gboolean Broadcast::on_message(GstBus*, GstMessage* message, gpointer self) {
    auto* broadcast = static_cast<Broadcast*>(self);
    const bool done = pipelines::guarded("the pipeline", [&] { broadcast->handle(message); });
    if (!done) broadcast->on_end_("the pipeline's message could not be handled");
    return G_SOURCE_CONTINUE;
}

void Broadcast::handle(GstMessage* message) {
    switch (GST_MESSAGE_TYPE(message)) {
        case GST_MESSAGE_PROGRESS: {
            GstProgressType type = GST_PROGRESS_TYPE_ERROR;
            gst_message_parse_progress(message, &type, nullptr, nullptr);
            if (type == GST_PROGRESS_TYPE_COMPLETE) start_playing();
            break;
        }
        case GST_MESSAGE_LATENCY:
            gst_bin_recalculate_latency(GST_BIN(pipeline_));
            align_input();
            break;
        case GST_MESSAGE_EOS: on_end_("the source has ended"); break;
        case GST_MESSAGE_ERROR: on_end_(pipelines::text_of(message)); break;
        default: break;
    }
}

void Broadcast::start_playing() {
    if (state_ == "playing") return;
    state_ = "playing";
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    source_->start();
}

// The first chunk pays for what happens only once, and would set the latency for good: it is
// thrown away, and the stream begins anew.
GstPadProbeReturn Broadcast::on_first_frames(GstPad*, GstPadProbeInfo* info, gpointer self) {
    auto* broadcast = static_cast<Broadcast*>(self);
    if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) {
        if (!broadcast->warm_.exchange(true)) {
            pipelines::guarded("the first chunk",
                               [&] { on_main_thread([broadcast] { broadcast->begin_anew(); }); });
        }
        return GST_PAD_PROBE_DROP;
    }
    const bool begins = GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_FLUSH_STOP;
    return begins ? GST_PAD_PROBE_REMOVE : GST_PAD_PROBE_OK;
}

void Broadcast::begin_anew() {
    GstElement* entry = named(pipeline_, "source");
    gst_element_send_event(entry, gst_event_new_flush_start());
    gst_element_send_event(entry, gst_event_new_flush_stop(FALSE));
    flushed_ = missed(frames_in(upscaler_));
}

// The input waits as much longer as the upscaler takes.
void Broadcast::align_input() {
    const GstClockTime output = latency_before(output_pacing_);
    const GstClockTime input = latency_before(input_pacing_);
    g_object_set(input_pacing_, "ts-offset",
                 static_cast<gint64>(output) - static_cast<gint64>(input), nullptr);
    input_feed_->set_delay(output);
    output_feed_->set_delay(output);
}

}  // namespace webrtc
