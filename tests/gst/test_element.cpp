// SPDX-License-Identifier: Apache-2.0
#include "tests/gst/test_element.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/gst/hand_over.h"

namespace {

class GStreamer : public testing::Environment {
  public:
    void SetUp() override {
        gst_init(nullptr, nullptr);
        GstElementFactory* factory = gst_element_factory_find("flashvsrupscale");
        ASSERT_NE(factory, nullptr) << "GST_PLUGIN_PATH must name the folder of the plugin";
        gst_object_unref(factory);
        // A wrong caps or refcount assertion is a failure, not a line in a log.
        g_log_set_always_fatal(
            static_cast<GLogLevelFlags>(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL));
    }
};

const testing::Environment* const kGStreamer = testing::AddGlobalTestEnvironment(new GStreamer);

}  // namespace

std::string model_folder() { return g_get_tmp_dir(); }

std::string video_caps(int width, int height, const std::string& more) {
    return "video/x-raw,width=" + std::to_string(width) + ",height=" + std::to_string(height) +
           ",framerate=25/1," + more;
}

guint64 count_of(GstElement* element, const char* name) {
    GstStructure* stats = nullptr;
    g_object_get(element, "stats", &stats, nullptr);
    guint64 count = 0;
    gint few = 0;
    const bool is_int = gst_structure_get_int(stats, name, &few);
    EXPECT_TRUE(is_int || gst_structure_get_uint64(stats, name, &count)) << name;
    gst_structure_free(stats);
    return is_int ? static_cast<guint64>(few) : count;
}

GstBuffer* make_frame(const std::string& caps_string, int value) {
    GstCaps* caps = gst_caps_from_string(caps_string.c_str());
    GstVideoInfo info;
    EXPECT_TRUE(gst_video_info_from_caps(&info, caps)) << caps_string;
    gst_caps_unref(caps);
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
    if (GST_VIDEO_INFO_COMP_DEPTH(&info, 0) == 8) {
        gst_buffer_memset(buffer, 0, static_cast<guint8>(value), GST_VIDEO_INFO_SIZE(&info));
        return buffer;
    }
    const int shift = GST_VIDEO_INFO_COMP_DEPTH(&info, 0) - 8 + info.finfo->shift[0];
    const std::vector<guint16> samples(GST_VIDEO_INFO_SIZE(&info) / 2,
                                       static_cast<guint16>(value << shift));
    gst_buffer_fill(buffer, 0, samples.data(), GST_VIDEO_INFO_SIZE(&info));
    return buffer;
}

int frame_value(GstBuffer* buffer, GstCaps* caps) {
    GstVideoInfo info;
    GstVideoFrame frame;
    EXPECT_TRUE(gst_video_info_from_caps(&info, caps));
    EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    bool uniform = true;
    for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS(&frame); c++) {
        const guint8* data = GST_VIDEO_FRAME_COMP_DATA(&frame, c);
        for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++) {
            for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++) {
                uniform = uniform && data[y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, c) +
                                          x * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, c)] == data[0];
            }
        }
    }
    const int value = *static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
    hand_back(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
    gst_video_frame_unmap(&frame);
    return uniform ? value : -1;
}

Environment::Environment(const char* name, const char* value) : name_(name) {
    const char* old = g_getenv(name);
    had_ = old != nullptr;
    if (old) old_ = old;
    set(value);
}

void Environment::set(const char* value) {
    if (value) {
        g_setenv(name_, value, TRUE);
    } else {
        g_unsetenv(name_);
    }
}

GstMessage* wait_for(GstBus* bus, int types) {
    return gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, static_cast<GstMessageType>(types));
}

TestElement::TestElement(const std::string& properties)
    : element_(gst_element_factory_make("flashvsrupscale", nullptr)), bus_(gst_bus_new()) {
    gst_element_set_bus(element_, bus_);
    g_object_set(element_, "model-dir", model_folder().c_str(), "scale", 2.0, nullptr);
    std::istringstream words(properties);
    for (std::string word; words >> word;) {
        const size_t equals = word.find('=');
        gst_util_set_object_arg(G_OBJECT(element_), word.substr(0, equals).c_str(),
                                word.substr(equals + 1).c_str());
    }
    harness_ = gst_harness_new_with_element(element_, "sink", "src");
    gst_pad_add_probe(harness_->sinkpad,
                      static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER |
                                                   GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM),
                      record, this, nullptr);
}

TestElement::~TestElement() {
    gst_harness_teardown(harness_);
    gst_element_set_bus(element_, nullptr);
    gst_object_unref(element_);
    gst_object_unref(bus_);
}

void TestElement::set_caps(const std::string& caps) {
    caps_ = caps;
    settled_ = true;  // new caps wait for all frames
    gst_harness_set_src_caps_str(harness_, caps.c_str());
}

GstFlowReturn TestElement::push_frame(int i) {
    GstBuffer* buffer = make_frame(caps_, i);
    GST_BUFFER_PTS(buffer) = i * kPeriod;
    GST_BUFFER_DURATION(buffer) = kPeriod;
    GST_BUFFER_OFFSET(buffer) = i;
    return push(buffer);
}

void TestElement::push_frames(int first, int count) {
    for (int i = first; i < first + count; i++) EXPECT_EQ(push_frame(i), GST_FLOW_OK) << i;
}

GstFlowReturn TestElement::push(GstBuffer* buffer) {
    settled_ = false;
    return gst_harness_push(harness_, buffer);
}

bool TestElement::push_event(GstEvent* event) {
    settled_ = GST_EVENT_TYPE(event) == GST_EVENT_EOS;  // which waits for all frames
    return gst_harness_push_event(harness_, event);
}

// Equal caps change nothing, but the element has to be at rest to see that.
void TestElement::settle() {
    if (settled_ || caps_.empty()) return;
    GstCaps* caps = gst_caps_from_string(caps_.c_str());
    gst_pad_push_event(harness_->srcpad, gst_event_new_caps(caps));
    gst_caps_unref(caps);
    settled_ = true;
}

GstBuffer* TestElement::pull() {
    settle();
    GstBuffer* buffer = gst_harness_try_pull(harness_);
    const std::lock_guard<std::mutex> lock(mutex_);
    return buffer;
}

int TestElement::frames_out() {
    settle();
    return static_cast<int>(gst_harness_buffers_received(harness_));
}

std::vector<std::string> TestElement::log() {
    settle();
    const std::lock_guard<std::mutex> lock(mutex_);
    return log_;
}

std::string TestElement::output_field(const char* field) const {
    GstCaps* caps = output_caps();
    if (!caps) return "no caps";
    const GValue* value = gst_structure_get_value(gst_caps_get_structure(caps, 0), field);
    gchar* text = value ? gst_value_serialize(value) : g_strdup("absent");
    const std::string result = text;
    g_free(text);
    gst_caps_unref(caps);
    return result;
}

std::vector<std::string> TestElement::log_of_caps_and_frames() {
    std::vector<std::string> result;
    for (const std::string& line : log()) {
        if (line != "stream-start" && line != "segment") result.push_back(line);
    }
    return result;
}

std::vector<std::string> TestElement::log_of_frames() {
    std::vector<std::string> result;
    for (const std::string& line : log_of_caps_and_frames()) {
        if (line.rfind("caps", 0) != 0) result.push_back(line);
    }
    return result;
}

GstPadProbeReturn TestElement::record(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
    auto* self = static_cast<TestElement*>(data);
    const std::lock_guard<std::mutex> lock(self->mutex_);
    if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) {
        GstCaps* caps = gst_pad_get_current_caps(pad);
        self->log_.push_back("frame " +
                             std::to_string(frame_value(GST_PAD_PROBE_INFO_BUFFER(info), caps)));
        gst_caps_unref(caps);
        return GST_PAD_PROBE_OK;
    }
    GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
    std::string name = GST_EVENT_TYPE_NAME(event);
    if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
        GstCaps* caps = nullptr;
        int width = 0;
        int height = 0;
        gst_event_parse_caps(event, &caps);
        gst_structure_get(gst_caps_get_structure(caps, 0), "width", G_TYPE_INT, &width, "height",
                          G_TYPE_INT, &height, nullptr);
        name += " " + std::to_string(width) + "x" + std::to_string(height);
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_CUSTOM_DOWNSTREAM) {
        name = gst_structure_get_name(gst_event_get_structure(event));
    }
    self->log_.push_back(name);
    return GST_PAD_PROBE_OK;
}
