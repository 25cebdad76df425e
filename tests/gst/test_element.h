// SPDX-License-Identifier: Apache-2.0
// flashvsrupscale in a GstHarness, and what the tests feed it and read back.
#pragma once

#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include <mutex>
#include <string>
#include <vector>

constexpr GstClockTime kPeriod = 40 * GST_MSECOND;

// A folder that exists; all that the stub engine asks of a model.
std::string model_folder();

// Raw video caps at 25 frames per second. `more` holds further fields, as in "format=RGB".
std::string video_caps(int width, int height, const std::string& more = "format=I420");

// A frame of `caps` whose every sample is `value`, of 8 bits, or is it in the high ones of more.
GstBuffer* make_frame(const std::string& caps, int value);

// The first byte of the first plane, after a check that all samples of the picture have one value
// per component. -1 if they differ.
int frame_value(GstBuffer* buffer, GstCaps* caps);

// Sets an environment variable, or unsets it, for as long as the object lives.
class Environment {
  public:
    Environment(const char* name, const char* value);
    Environment(const char* name, const std::string& value) : Environment(name, value.c_str()) {}
    ~Environment() { set(had_ ? old_.c_str() : nullptr); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

  private:
    void set(const char* value);

    const char* name_;
    bool had_;
    std::string old_;
};

// What the "stats" of an element, this one or a sink, count under a name.
guint64 count_of(GstElement* element, const char* name);

// The first message of one of `types` on `bus` within 20 seconds; NULL if there is none.
GstMessage* wait_for(GstBus* bus, int types);

// The element between two pads, playing. Everything that leaves it is written down in order. What
// tells about the output first waits until the element has done all that it can with its input.
class TestElement {
  public:
    // `properties` as in "scale=3 seed=1"; scale 2 unless they say otherwise.
    explicit TestElement(const std::string& properties = "");
    ~TestElement();
    TestElement(const TestElement&) = delete;
    TestElement& operator=(const TestElement&) = delete;

    void set_caps(const std::string& caps);
    // Frame `i` at i * kPeriod, its bytes all `i`.
    GstFlowReturn push_frame(int i);
    void push_frames(int first, int count);
    GstFlowReturn push(GstBuffer* buffer);
    bool push_event(GstEvent* event);
    // Returns when the element has run whatever was pushed.
    void settle();

    // The next buffer that has come out, NULL if none is left. The caller's.
    GstBuffer* pull();
    int frames_out();
    GstCaps* output_caps() const { return gst_pad_get_current_caps(harness_->sinkpad); }
    std::string output_field(const char* field) const;

    // What has come out: "frame 7", "caps 16x12", and the names of other events.
    std::vector<std::string> log();
    // The log without STREAM_START, CAPS and SEGMENT.
    std::vector<std::string> log_of_frames();
    // The log without STREAM_START and SEGMENT.
    std::vector<std::string> log_of_caps_and_frames();

    GstHarness* harness() const { return harness_; }
    GstElement* element() const { return element_; }
    GstBus* bus() const { return bus_; }

  private:
    static GstPadProbeReturn record(GstPad* pad, GstPadProbeInfo* info, gpointer self);

    GstElement* element_;
    GstBus* bus_;
    GstHarness* harness_;
    std::string caps_;
    bool settled_ = true;
    std::mutex mutex_;  // also orders what the element wrote before what a test reads
    std::vector<std::string> log_;
};
