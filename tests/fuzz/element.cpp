// SPDX-License-Identifier: Apache-2.0
// The element on the stub engine: what an application may do with it, a step a line. See Steps.
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gstreamer.h"

namespace {

constexpr int kMaxFrames = 60, kMaxPixels = 24 * 24, kMaxOutputPixels = 96 * 96;

class Element {
  public:
    Element() : harness_(gst_harness_new_with_element(made_element(), "sink", "src")) {
        gst_harness_set_drop_buffers(harness_, TRUE);
    }
    ~Element() { gst_harness_teardown(harness_); }
    Element(const Element&) = delete;
    Element& operator=(const Element&) = delete;

    void step(const std::string& line);

  private:
    static GstElement* made_element() {
        GstElement* element = gst_element_factory_make("flashvsrupscale", nullptr);
        g_object_set(element, "model-dir", "/", "scale", 2.0, nullptr);
        return element;
    }

    GstElement* element() const { return harness_->element; }
    void set(const std::string& text);
    void take_caps(const std::string& text, bool from_downstream);
    void push_frames(const std::string& text);
    void flush();
    void query(const std::string& text);
    void set_state(const std::string& text);
    bool is_small() const;

    GstHarness* harness_;
    int frames_ = 0;
};

void Element::step(const std::string& line) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::string word = line.substr(0, space);
    const std::string rest = line.substr(std::min(space + 1, line.size()));
    if (word == "set") set(rest);
    if (word == "caps") take_caps(rest, false);
    if (word == "out") take_caps(rest, true);
    if (word == "frames") push_frames(rest);
    if (word == "flush") flush();
    if (word == "query") query(rest);
    if (word == "state") set_state(rest);
    if (word == "eos") gst_harness_push_event(harness_, gst_event_new_eos());
    if (word == "gap") gst_harness_push_event(harness_, gst_event_new_gap(0, GST_SECOND));
    if (word == "reconfigure") {
        gst_harness_push_upstream_event(harness_, gst_event_new_reconfigure());
    }
}

/// "NAME=VALUE", as gst-launch-1.0 takes it.
void Element::set(const std::string& text) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    // Those of the object, not of ours; and any folder will do.
    if (equals == std::string::npos || name == "name" || name == "parent") return;
    GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element()), name.c_str());
    if (!spec || !(spec->flags & G_PARAM_WRITABLE)) return;
    gst_util_set_object_arg(G_OBJECT(element()), name.c_str(), text.substr(equals + 1).c_str());
    GValue value = G_VALUE_INIT;
    g_object_get_property(G_OBJECT(element()), name.c_str(), &value);
    g_value_unset(&value);
}

void Element::take_caps(const std::string& text, bool from_downstream) {
    GstCaps* caps = fuzz::caps_from(text);
    if (!caps) return;
    if (from_downstream) {
        if (!gst_caps_is_empty(caps)) gst_harness_set_sink_caps(harness_, gst_caps_ref(caps));
    } else if (gst_caps_is_fixed(caps)) {
        gst_harness_set_src_caps(harness_, gst_caps_ref(caps));
    }
    gst_caps_unref(caps);
}

/// Of both pads, so that a run is short.
bool Element::is_small() const {
    const auto pixels = [](GstPad* pad) {
        GstCaps* caps = gst_pad_get_current_caps(pad);
        GstVideoInfo info;
        const bool known = caps && gst_video_info_from_caps(&info, caps);
        gst_clear_caps(&caps);
        return known ? int64_t{info.width} * info.height : INT64_MAX;
    };
    return pixels(harness_->srcpad) <= kMaxPixels && pixels(harness_->sinkpad) <= kMaxOutputPixels;
}

void Element::push_frames(const std::string& text) {
    for (int left = std::atoi(text.c_str()); left > 0 && frames_ < kMaxFrames; --left, ++frames_) {
        if (!is_small()) return;
        GstCaps* caps = gst_pad_get_current_caps(harness_->srcpad);
        GstVideoInfo info;
        gst_video_info_from_caps(&info, caps);
        gst_caps_unref(caps);
        GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
        gst_buffer_memset(buffer, 0, static_cast<guint8>(frames_), GST_VIDEO_INFO_SIZE(&info));
        GST_BUFFER_PTS(buffer) = frames_ * 40 * GST_MSECOND;
        gst_harness_push(harness_, buffer);
    }
}

void Element::flush() {
    gst_harness_push_event(harness_, gst_event_new_flush_start());
    gst_harness_push_event(harness_, gst_event_new_flush_stop(TRUE));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_harness_push_event(harness_, gst_event_new_segment(&segment));
}

void Element::query(const std::string& text) {
    GstCaps* caps = fuzz::caps_from(text);
    if (!caps) {
        gst_harness_query_latency(harness_);
        return;
    }
    for (GstPad* pad : {harness_->srcpad, harness_->sinkpad}) {
        GstCaps* answer = gst_pad_peer_query_caps(pad, caps);
        if (answer) gst_caps_unref(answer);
        if (gst_caps_is_fixed(caps)) gst_pad_peer_query_accept_caps(pad, caps);
    }
    gst_caps_unref(caps);
}

void Element::set_state(const std::string& text) {
    const std::map<std::string, GstState> states = {{"null", GST_STATE_NULL},
                                                    {"ready", GST_STATE_READY},
                                                    {"paused", GST_STATE_PAUSED},
                                                    {"playing", GST_STATE_PLAYING}};
    const auto found = states.find(text);
    if (found != states.end()) gst_element_set_state(element(), found->second);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr size_t kMaxSteps = 16;
    fuzz::start_gstreamer();
    std::vector<std::string> lines = fuzz::lines(data, size);
    if (lines.size() > kMaxSteps) lines.resize(kMaxSteps);
    Element element;
    for (std::string& line : lines) {
        line.resize(std::min(line.find('\0'), line.size()));
        element.step(line);
    }
    return 0;
}
