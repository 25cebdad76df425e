// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/codec.h"

#include <gst/video/video.h>

#include <algorithm>

#include "pipelines/cli/exit_code.h"

namespace webrtc {

namespace {

// A key frame every ten seconds at 25 frames a second; who joins or loses a packet asks for one,
// half a second apart at least, since all viewers share the encoder.
constexpr Codec kCodecs[] = {
    {"vp8", "vp8enc",
     "deadline=1 cpu-used=8 threads=4 end-usage=cbr lag-in-frames=0 keyframe-max-dist=250 "
     "max-quantizer=48 buffer-initial-size=300 buffer-optimal-size=400 buffer-size=600 "
     "min-force-key-unit-interval=500000000",
     "target-bitrate", 1, "rtpvp8pay pt=96 picture-id-mode=15-bit",
     "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000"},
    {"h264", "x264enc",
     "tune=zerolatency speed-preset=veryfast key-int-max=250 vbv-buf-capacity=400 "
     "min-force-key-unit-interval=500000000 ! video/x-h264,profile=constrained-baseline",
     "bitrate", 1000, "rtph264pay pt=102 config-interval=-1 aggregate-mode=zero-latency",
     "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,"
     "packetization-mode=(string)1"},
};

constexpr double kMin = 500e3, kMax = 30e6;  // bits a second
constexpr double kUnknownFps = 25;

struct RateRule {
    const Codec* codec;
    double bits_per_pixel;
};

void set_rate(GstElement* encoder, const Codec& codec, double bits) {
    g_object_set(encoder, codec.rate, static_cast<int>(bits / codec.rate_unit), nullptr);
}

GstPadProbeReturn on_event(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
    const auto* rule = static_cast<RateRule*>(data);
    GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
    if (GST_EVENT_TYPE(event) != GST_EVENT_CAPS) return GST_PAD_PROBE_OK;
    GstCaps* caps = nullptr;
    GstVideoInfo video;
    gst_event_parse_caps(event, &caps);
    if (!gst_video_info_from_caps(&video, caps)) return GST_PAD_PROBE_OK;
    const double fps = video.fps_n > 0 ? 1.0 * video.fps_n / video.fps_d : kUnknownFps;
    const double bits = rule->bits_per_pixel * video.width * video.height * fps;
    GstElement* encoder = gst_pad_get_parent_element(pad);
    set_rate(encoder, *rule->codec, std::clamp(bits, kMin, kMax));
    gst_object_unref(encoder);
    return GST_PAD_PROBE_OK;
}

}  // namespace

std::string Codec::encoder_line(const std::string& name) const {
    return std::string(encoder) + " name=" + name + " " + settings;
}

void Codec::control_rate(GstElement* element, double bits_per_pixel, int kbps) const {
    if (kbps > 0) {
        set_rate(element, *this, kbps * 1000.0);
        return;
    }
    GstPad* pad = gst_element_get_static_pad(element, "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_event,
                      new RateRule{this, bits_per_pixel},
                      [](gpointer rule) { delete static_cast<RateRule*>(rule); });
    gst_object_unref(pad);
}

const Codec& find_codec(const std::string& name) {
    for (const Codec& codec : kCodecs) {
        if (name == codec.name) return codec;
    }
    throw pipelines::Failure(pipelines::ExitCode::kUsage,
                             "--codec is '" + name + "': allowed are vp8, h264");
}

}  // namespace webrtc
