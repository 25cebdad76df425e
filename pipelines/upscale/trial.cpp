// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/trial.h"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>

#include "pipelines/cli/launch.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/settings.h"

namespace upscale {

namespace {

constexpr GstClockTime kPatience = 60 * GST_SECOND;
// The start-up chunk and two of the ordinary ones, of 8 frames.
constexpr int kFrames = 25 + 8 + 8;
constexpr double kChunkFrames = 8;

struct Numbers {
    guint64 chunk_time = 0;  // of an ordinary chunk, ns
    guint64 device_memory = 0;
    std::string estimate;  // what the element reckons with; empty: it says nothing
};

// "estimate: 12.3 GB of the device: weights 2.8, kv-cache 6.2, ..."
std::string describe_estimate(const GstStructure* parts) {
    std::string text;
    double sum = 0;
    for (const char* part : {"weights", "kv-cache", "state", "frames", "activations", "reserve"}) {
        guint64 bytes = 0;
        if (!gst_structure_get_uint64(parts, part, &bytes)) continue;
        sum += static_cast<double>(bytes) / 1e9;
        gchar shown[64];
        g_snprintf(shown, sizeof shown, "%s%s %.2f", text.empty() ? "" : ", ", part,
                   static_cast<double>(bytes) / 1e9);
        text += shown;
    }
    gchar total[64];
    g_snprintf(total, sizeof total, "needs:  %.2f GB (", sum);
    const gchar* changes = gst_structure_get_string(parts, "changes");
    return total + text + ")" + (changes && *changes ? std::string("; ") + changes : "") + "\n";
}

Numbers read_stats(GstElement* upscaler) {
    Numbers numbers;
    GstStructure* stats = nullptr;
    g_object_get(upscaler, "stats", &stats, nullptr);
    if (stats) {
        gst_structure_get_uint64(stats, "chunk-time", &numbers.chunk_time);
        gst_structure_get_uint64(stats, "device-memory", &numbers.device_memory);
        const GValue* estimate = gst_structure_get_value(stats, "memory-estimate");
        if (estimate) numbers.estimate = describe_estimate(gst_value_get_structure(estimate));
        gst_structure_free(stats);
    }
    return numbers;
}

// False: time is up. Throws on an error.
bool wait_for_end(GstElement* pipeline) {
    GstBus* bus = gst_element_get_bus(pipeline);
    GstMessage* message = gst_bus_timed_pop_filtered(
        bus, kPatience, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    gst_object_unref(bus);
    if (!message) return false;
    const std::string error =
        GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR ? pipelines::text_of(message) : "";
    gst_message_unref(message);
    if (!error.empty()) throw Failure(ExitCode::kFailed, error);
    return true;
}

std::string shown_time(double seconds) {
    gchar text[32];
    const auto whole = static_cast<int>(std::ceil(seconds));
    g_snprintf(text, sizeof text, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    return text;
}

Trial report(const Numbers& numbers, guint64 frames) {
    struct rusage usage {};
    getrusage(RUSAGE_SELF, &usage);
    const bool device = numbers.device_memory > 0;
    const double memory = device ? static_cast<double>(numbers.device_memory)
                                 : static_cast<double>(usage.ru_maxrss) * 1024;
    const double rate =
        kChunkFrames * 1e9 / static_cast<double>(std::max<guint64>(numbers.chunk_time, 1));
    gchar text[200];
    g_snprintf(text, sizeof text, "memory: %.1f GB %s\nspeed:  %.2f FPS, without the encoder",
               memory / 1e9, device ? "of the device" : "of the host, whole process", rate);
    std::string lines = numbers.estimate + text;
    if (frames) lines += "; " + shown_time(static_cast<double>(frames) / rate) + " in all";
    return {lines, static_cast<guint64>(memory), rate};
}

}  // namespace

Trial try_out(const Options& options, const Media& media) {
    GstElement* pipeline = gst_pipeline_new(nullptr);
    const std::string line = "videotestsrc pattern=ball num-buffers=" + std::to_string(kFrames) +
                             " ! video/x-raw,format=I420,width=" + std::to_string(media.width) +
                             ",height=" + std::to_string(media.height) + ",framerate=25/1";
    GstElement* picture = gst_parse_bin_from_description(line.c_str(), TRUE, nullptr);
    GstElement* upscaler = make_upscaler(options.settings);
    GstElement* sink = gst_element_factory_make("fakesink", nullptr);
    gst_bin_add_many(GST_BIN(pipeline), picture, upscaler, sink, nullptr);
    gst_element_link_many(picture, upscaler, sink, nullptr);
    Trial trial;
    try {
        gst_element_set_state(pipeline, GST_STATE_PLAYING);
        const bool complete = wait_for_end(pipeline);
        const Numbers numbers = read_stats(upscaler);
        const guint64 frames = media.frames_between(options.window.start, options.window.end);
        if (complete) {
            trial = report(numbers, frames);
        } else {
            trial.text = numbers.estimate + "speed:  less than " + std::to_string(kFrames) +
                         " frames a minute";
        }
    } catch (const Failure&) {
        gst_element_set_state(pipeline, GST_STATE_NULL);
        gst_object_unref(upscaler);
        gst_object_unref(pipeline);
        throw;
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(upscaler);
    gst_object_unref(pipeline);
    return trial;
}

}  // namespace upscale
