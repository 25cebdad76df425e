// SPDX-License-Identifier: Apache-2.0
// Loading and stopping: nothing waits for what does not come.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/gst/test_element.h"
#include "tests/gst/test_pipeline.h"

namespace {

using Words = std::vector<std::string>;

// What the PROGRESS messages on `bus` were so far.
Words progress(GstBus* bus) {
    Words words;
    while (GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_PROGRESS)) {
        GstProgressType type = GST_PROGRESS_TYPE_ERROR;
        gchar* code = nullptr;
        gst_message_parse_progress(message, &type, &code, nullptr);
        EXPECT_STREQ(code, "load-model");
        const char* const names[] = {"start", "continue", "complete", "canceled", "error"};
        words.emplace_back(names[type]);
        g_free(code);
        gst_message_unref(message);
    }
    return words;
}

// An element outside of any pipeline.
class Alone {
  public:
    explicit Alone(const std::string& model_dir) {
        gst_element_set_bus(element_, bus_);
        g_object_set(element_, "model-dir", model_dir.c_str(), nullptr);
    }
    ~Alone() {
        set(GST_STATE_NULL);
        gst_element_set_bus(element_, nullptr);
        gst_object_unref(element_);
        gst_object_unref(bus_);
    }
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;

    GstStateChangeReturn set(GstState state) { return gst_element_set_state(element_, state); }
    GstBus* bus() const { return bus_; }

  private:
    GstElement* element_ = gst_element_factory_make("flashvsrupscale", nullptr);
    GstBus* bus_ = gst_bus_new();
};

TEST(Loading, TellsHowFarItIs) {
    const Environment slow("FLASHVSR_STUB_LOAD_MS", "40");
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 1);
    element.settle();
    const Words words = progress(element.bus());
    ASSERT_GE(words.size(), 4u);
    EXPECT_EQ(words.front(), "start");
    EXPECT_EQ(words.back(), "complete");
    EXPECT_EQ(std::count(words.begin(), words.end(), "continue"), int(words.size()) - 2);
}

TEST(Loading, DoesNotHoldUpTheStateChange) {
    const Environment slow("FLASHVSR_STUB_LOAD_MS", "10000");
    Alone element(model_folder());
    const gint64 begin = g_get_monotonic_time();
    EXPECT_EQ(element.set(GST_STATE_PAUSED), GST_STATE_CHANGE_SUCCESS);
    EXPECT_EQ(element.set(GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    EXPECT_LT(g_get_monotonic_time() - begin, 2 * G_USEC_PER_SEC);
    EXPECT_EQ(progress(element.bus()).back(), "canceled");
}

TEST(Loading, ThatFailsIsAnErrorWithItsOwnMessage) {
    Alone element("/no/such/folder");
    // At once: nobody has to hear of the error to know.
    EXPECT_EQ(element.set(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    element.set(GST_STATE_NULL);
    EXPECT_EQ(progress(element.bus()), (Words{"start", "error"}));
}

// As of any element that fails: the error first, then the end for those who wait for it.
TEST(Loading, ThatFailsLaterPassesTheEndOfAShortStreamAfterTheError) {
    const Environment slow("FLASHVSR_STUB_LOAD_MS", "300");
    const Environment fault("FLASHVSR_STUB_FAIL", "engine_open:9");
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 2);
    element.push_event(gst_event_new_eos());
    EXPECT_EQ(element.log().back(), "eos");
    EXPECT_EQ(element.frames_out(), 0);
    GstMessage* message = gst_bus_pop_filtered(element.bus(), GST_MESSAGE_ERROR);
    EXPECT_NE(message, nullptr);
    if (message) gst_message_unref(message);
}

TEST(Loading, FramesWaitForIt) {
    const Environment slow("FLASHVSR_STUB_LOAD_MS", "50");
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 5);
    element.push_event(gst_event_new_eos());
    EXPECT_EQ(element.frames_out(), 5);
}

TEST(Loading, ASeekMeanwhileDoesNotWaitForIt) {
    const Environment slow("FLASHVSR_STUB_LOAD_MS", "10000");
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 5);
    const gint64 begin = g_get_monotonic_time();
    gst_pad_push_event(element.harness()->srcpad, gst_event_new_flush_start());
    gst_pad_push_event(element.harness()->srcpad, gst_event_new_flush_stop(TRUE));
    EXPECT_LT(g_get_monotonic_time() - begin, 2 * G_USEC_PER_SEC);
}

// From PLAYING to NULL at any moment.
void stop_in_the_middle(int times, const std::string& sink) {
    const std::string line =
        "videotestsrc ! video/x-raw,format=I420,width=16,height=12,framerate=25/1 ! "
        "flashvsrupscale scale=2 model-dir=" +
        model_folder() + " ! " + sink;
    for (int i = 0; i < times; i++) {
        TestPipeline pipeline(line);
        pipeline.set_state(GST_STATE_PLAYING);
        g_usleep(i * 7919 % 53 * 1000);
        const gint64 begin = g_get_monotonic_time();
        pipeline.set_state(GST_STATE_NULL);
        EXPECT_LT(g_get_monotonic_time() - begin, 2 * G_USEC_PER_SEC) << i;
    }
}

TEST(Stopping, IsQuickInTheMiddleOfAChunk) {
    const Environment slow("FLASHVSR_STUB_CHUNK_MS", "30");
    stop_in_the_middle(50, "fakesink sync=false");
    stop_in_the_middle(50, "fakesink sync=true");
}

TEST(Stopping, IsQuickWhileTheModelLoads) {
    const Environment slow("FLASHVSR_STUB_LOAD_MS", "10000");
    stop_in_the_middle(20, "fakesink");
}

TEST(Stopping, IsNoErrorForTheSource) {
    const Environment slow("FLASHVSR_STUB_CHUNK_MS", "3");
    for (int i = 0; i < 30; i++) {
        TestPipeline pipeline(
            "videotestsrc ! video/x-raw,width=16,height=12 ! flashvsrupscale scale=2 name=up "
            "model-dir=" +
            model_folder() + " ! fakesink");
        pipeline.set_state(GST_STATE_PLAYING);
        g_usleep(i % 11 * 1000);
        gst_element_set_state(pipeline.element("up"), GST_STATE_READY);  // the source plays on
        g_usleep(2000);
        GstMessage* message = gst_bus_pop_filtered(pipeline.bus(), GST_MESSAGE_ERROR);
        EXPECT_EQ(message, nullptr) << i;
        if (message) gst_message_unref(message);
    }
}

TEST(Stopping, WithFramesInsideAndDownstreamBlockedWorks) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    const gulong probe = gst_pad_add_probe(
        element.harness()->sinkpad,
        static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BLOCK | GST_PAD_PROBE_TYPE_BUFFER),
        [](GstPad*, GstPadProbeInfo*, gpointer) { return GST_PAD_PROBE_OK; }, nullptr, nullptr);
    EXPECT_NE(probe, 0u);
    element.push_frames(0, 60);
    // The harness stops the element first, then its own pads.
}

}  // namespace
