// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/source_pipeline.h"

#include "pipelines/cli/exit_code.h"
#include "pipelines/cli/launch.h"
#include "pipelines/cli/redact.h"
#include "pipelines/live/bridge.h"
#include "pipelines/live/guard.h"

namespace pipelines {

namespace {

constexpr guint kJitterMs = 200;  // an RTSP source waits so long for packets that come late
constexpr guint64 kConnectTimeoutUs = 5 * G_USEC_PER_SEC;

// Where decoding ends: RTP has payloads for these sounds.
constexpr char kDecoded[] =
    "video/x-raw(ANY); audio/x-raw; audio/x-opus; audio/x-mulaw; audio/x-alaw; "
    "audio/mpeg, mpegversion=(int)4, framed=(boolean)true; "
    "audio/mpeg, mpegversion=(int)1, parsed=(boolean)true; audio/x-ac3, framed=(boolean)true";

constexpr char kVideo[] = "videoconvert ! deinterlace fields=top ! appsink name=video";
// Frames of a decoder on the GPU stay there.
constexpr char kDeviceVideo[] = "appsink name=video";
constexpr char kCodedSound[] = "appsink name=sound";
constexpr char kRawSound[] = "audioconvert ! audioresample ! opusenc ! appsink name=sound";

bool is_camera(const std::string& place) { return place.rfind("/dev/", 0) == 0; }

// In a form that is usual, where nobody asks for another.
std::string test_caps(const SourceOptions& options) {
    const std::string caps =
        options.caps.empty() ? "video/x-raw,width=320,height=180,framerate=25/1" : options.caps;
    return caps.find("format") == std::string::npos ? caps + ",format=I420" : caps;
}

std::string launch_line(const SourceOptions& options, bool sound) {
    if (options.place == "test") {
        return "videotestsrc is-live=true pattern=ball ! " + test_caps(options) + " ! " + kVideo +
               (sound ? std::string(" audiotestsrc is-live=true wave=ticks ! ") + kRawSound : "");
    }
    if (is_camera(options.place)) {
        return "v4l2src device=" + options.place + " ! " +
               (options.caps.empty() ? "" : options.caps + " ! ") + "decodebin ! " + kVideo;
    }
    return "pipeline.( uridecodebin name=decoder )";
}

std::string uri_of(const SourceOptions& options) {
    if (!is_file(options)) return options.place;
    gchar* text = gst_filename_to_uri(options.place.c_str(), nullptr);
    const std::string uri(text ? text : "");
    g_free(text);
    return uri;
}

// Frames and packets take this way from one pipeline to the other.
bool carry(GstAppSink* from, GstAppSrc* to, GstClockTime* newest) {
    GstSample* sample = gst_app_sink_pull_sample(from);
    if (!sample) return false;
    const GstClockTime time = crossing_time(sample, from, GST_ELEMENT(to));
    if (GST_CLOCK_TIME_IS_VALID(time) && time > *newest) {
        push_at(sample, time, to);
        *newest = time;
    }
    gst_sample_unref(sample);
    return true;
}

std::string describe_video(const GstCaps* caps) {
    const GstStructure* video = gst_caps_get_structure(caps, 0);
    gint width = 0, height = 0, fps_n = 0, fps_d = 1;
    gst_structure_get_int(video, "width", &width);
    gst_structure_get_int(video, "height", &height);
    gst_structure_get_fraction(video, "framerate", &fps_n, &fps_d);
    std::string text = std::to_string(width) + "x" + std::to_string(height);
    if (fps_n) text += " at " + std::to_string(fps_n) + "/" + std::to_string(fps_d);
    return text;
}

}  // namespace

bool is_file(const SourceOptions& options) {
    return options.place != "test" && !is_camera(options.place) &&
           !gst_uri_is_valid(options.place.c_str());
}

void check(const SourceOptions& options) {
    if (!options.caps.empty()) {
        GstCaps* caps = gst_caps_from_string(options.caps.c_str());
        if (!caps) throw Failure(ExitCode::kUsage, "'" + options.caps + "' are no caps");
        gst_caps_unref(caps);
    }
    if ((is_camera(options.place) || is_file(options)) &&
        !g_file_test(options.place.c_str(), G_FILE_TEST_EXISTS)) {
        throw Failure(ExitCode::kInput,
                      shown(options) +
                          " does not exist; a source is a URL, a camera, a file or "
                          "'test'");
    }
}

std::string shown(const SourceOptions& options) { return redacted_url(options.place); }

SourcePipeline::SourcePipeline(const SourceOptions& options, GstAppSrc* video, GstAppSrc* sound)
    : video_(video),
      sound_(sound),
      started_(g_get_monotonic_time()),
      pipeline_(launch(launch_line(options, sound != nullptr))) {
    use_shared_clock(pipeline_);
    take_sinks(pipeline_);
    if (GstElement* decoder = named(pipeline_, "decoder")) {
        GstCaps* caps = gst_caps_from_string(kDecoded);
        g_object_set(decoder, "uri", uri_of(options).c_str(), "caps", caps, nullptr);
        gst_caps_unref(caps);
        g_signal_connect(decoder, "source-setup", G_CALLBACK(on_source_setup), nullptr);
        g_signal_connect(decoder, "pad-added", G_CALLBACK(on_pad_added), this);
    }
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
}

SourcePipeline::~SourcePipeline() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
}

std::string SourcePipeline::describe() const {
    std::string text;
    for (GstAppSrc* to : {video_, sound_}) {
        GstCaps* caps = to ? gst_app_src_get_caps(to) : nullptr;
        if (!caps) continue;
        text += to == video_ ? describe_video(caps)
                             : std::string(", sound ") +
                                   gst_structure_get_name(gst_caps_get_structure(caps, 0));
        gst_caps_unref(caps);
    }
    return text;
}

void SourcePipeline::take_sinks(GstElement* bin) {
    const struct {
        const char* name;
        GstFlowReturn (*take)(GstAppSink*, gpointer);
    } kinds[] = {{"video", on_frame}, {"sound", on_sound}};
    for (const auto& kind : kinds) {
        GstElement* sink = named(bin, kind.name);
        if (!sink) continue;
        prepare_exit(GST_APP_SINK(sink));
        GstAppSinkCallbacks callbacks{};
        callbacks.new_sample = kind.take;
        gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, this, nullptr);
    }
}

// ---- Streaming threads -----------------------------------------------------------------------

void SourcePipeline::on_source_setup(GstElement*, GstElement* source, gpointer) {
    GObjectClass* type = G_OBJECT_GET_CLASS(source);
    if (g_object_class_find_property(type, "tcp-timeout") &&
        g_object_class_find_property(type, "latency")) {  // rtspsrc
        g_object_set(source, "latency", kJitterMs, "tcp-timeout", kConnectTimeoutUs, nullptr);
    }
}

void SourcePipeline::on_pad_added(GstElement*, GstPad* pad, gpointer self) {
    guarded("a stream of the source", [&] { static_cast<SourcePipeline*>(self)->link(pad); });
}

void SourcePipeline::link(GstPad* pad) {
    GstCaps* caps = gst_pad_get_current_caps(pad);
    if (!caps) caps = gst_pad_query_caps(pad, nullptr);
    const GstStructure* structure = gst_caps_get_structure(caps, 0);
    const std::string name = gst_structure_get_name(structure);
    if (name == "video/x-raw" && !has_video_) {
        has_video_ = true;
        const bool system = gst_caps_features_is_equal(gst_caps_get_features(caps, 0),
                                                       GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY);
        append(system ? kVideo : kDeviceVideo, pad);
    } else if (name.rfind("audio/", 0) == 0 && sound_ && !has_sound_) {
        has_sound_ = true;
        append(name == "audio/x-raw" ? kRawSound : kCodedSound, pad);
    }
    gst_caps_unref(caps);
}

void SourcePipeline::append(const char* line, GstPad* pad) {
    GError* error = nullptr;
    GstElement* bin = gst_parse_bin_from_description(line, TRUE, &error);
    if (!bin) {
        GST_ELEMENT_ERROR(pipeline_, CORE, MISSING_PLUGIN, ("%s", error->message), (nullptr));
        g_error_free(error);
        return;
    }
    take_sinks(bin);
    gst_bin_add(GST_BIN(pipeline_), bin);
    gst_element_sync_state_with_parent(bin);
    GstPad* in = gst_element_get_static_pad(bin, "sink");
    if (gst_pad_link(pad, in) != GST_PAD_LINK_OK) {
        GST_ELEMENT_ERROR(pipeline_, CORE, NEGOTIATION, ("the source cannot be converted"),
                          (nullptr));
    }
    gst_object_unref(in);
}

GstFlowReturn SourcePipeline::on_frame(GstAppSink* sink, gpointer self) {
    auto* source = static_cast<SourcePipeline*>(self);
    const bool full = is_full(source->video_);
    if (!carry(sink, source->video_, &source->video_time_)) return GST_FLOW_EOS;
    if (full) ++source->skipped_;
    source->last_frame_ = g_get_monotonic_time();
    return GST_FLOW_OK;
}

GstFlowReturn SourcePipeline::on_sound(GstAppSink* sink, gpointer self) {
    auto* source = static_cast<SourcePipeline*>(self);
    return carry(sink, source->sound_, &source->sound_time_) ? GST_FLOW_OK : GST_FLOW_EOS;
}

}  // namespace pipelines
