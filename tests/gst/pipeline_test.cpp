/* Whole pipelines: errors and their domains, states, child processes. */
#include <glib/gstdio.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/flashvsr.h"
#include "tests/gst/test_element.h"

namespace {

struct Outcome {
    std::string error;   /* "domain/code" as GLib numbers it; empty: end of stream */
    std::string message; /* of the error */
    bool warned = false;
};

std::string name_of(GQuark domain, int code) {
    return std::string(g_quark_to_string(domain)) + "/" + std::to_string(code);
}

GstElement* make_pipeline(const std::string& properties, int frames) {
    const std::string line = "videotestsrc num-buffers=" + std::to_string(frames) +
                             " ! video/x-raw,format=I420,width=16,height=12,framerate=25/1"
                             " ! flashvsrupscale scale=2 " +
                             properties + " ! fakesink name=sink";
    return gst_parse_launch(line.c_str(), nullptr);
}

std::string with_model() { return "model-dir=" + model_folder(); }

Outcome run(const std::string& properties, int frames = 40) {
    GstElement* pipeline = make_pipeline(properties, frames);
    GstBus* bus = gst_element_get_bus(pipeline);
    Outcome outcome;
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    for (;;) {
        GstMessage* message =
            wait_for(bus, GST_MESSAGE_ERROR | GST_MESSAGE_EOS | GST_MESSAGE_WARNING);
        if (!message) {
            outcome.error = "nothing happened";
            break;
        }
        const GstMessageType type = GST_MESSAGE_TYPE(message);
        if (type == GST_MESSAGE_WARNING) outcome.warned = true;
        if (type == GST_MESSAGE_ERROR) {
            GError* error = nullptr;
            gst_message_parse_error(message, &error, nullptr);
            outcome.error = name_of(error->domain, error->code);
            outcome.message = error->message;
            g_error_free(error);
        }
        gst_message_unref(message);
        if (type != GST_MESSAGE_WARNING) break;
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(pipeline);
    return outcome;
}

/* ---- errors ---------------------------------------------------------------------------------- */

TEST(Errors, AModelFolderThatIsNotThereIsNotFound) {
    const Outcome outcome = run("model-dir=/no/such/folder");
    EXPECT_EQ(outcome.error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
    EXPECT_NE(outcome.message.find("/no/such/folder"), std::string::npos);

    const Environment wrong("FLASHVSR_MODEL_DIR", "/no/such/folder");
    EXPECT_EQ(run("").error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
}

TEST(Errors, NoModelAnywhereSaysHowToNameOne) {
    const Environment unset("FLASHVSR_MODEL_DIR", nullptr);
    const Environment nano("FLASHVSR_NANO_DIR", "/no/such/folder");
    const Outcome outcome = run("");
    EXPECT_EQ(outcome.error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
    EXPECT_NE(outcome.message.find("model-dir"), std::string::npos);
    EXPECT_NE(outcome.message.find("FLASHVSR_MODEL_DIR"), std::string::npos);
}

TEST(Errors, AMissingEngineSaysHowToNameOne) {
    const Environment missing("FLASHVSR_ENGINE", "/no/such/libflashvsr.so");
    const Outcome outcome = run(with_model());
    EXPECT_EQ(outcome.error, name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT));
    EXPECT_NE(outcome.message.find("FLASHVSR_ENGINE"), std::string::npos);
}

TEST(Errors, ALibraryThatIsNoEngineIsRefused) {
    const Environment wrong("FLASHVSR_ENGINE", "libgmodule-2.0.so.0");
    EXPECT_EQ(run(with_model()).error, name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT));
}

TEST(Errors, FullModeIsRefused) {
    EXPECT_EQ(run(with_model() + " mode=full").error,
              name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS));
    EXPECT_EQ(run(with_model() + " mode=tiny-long").error, "");
}

TEST(Errors, OfTheEngineComeInTheRightDomain) {
    const std::pair<FlashvsrStatus, std::string> cases[] = {
        {FLASHVSR_NOT_FOUND, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND)},
        {FLASHVSR_READ_FAILED, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ)},
        {FLASHVSR_NO_MEMORY, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT)},
        {FLASHVSR_BAD_FORMAT, name_of(GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT)},
        {FLASHVSR_BAD_SETTINGS, name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS)},
        {FLASHVSR_DEVICE_FAILED, name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED)},
        {FLASHVSR_INTERNAL, name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED)},
    };
    for (const auto& [status, expected] : cases) {
        for (const std::string where : {"open:", "stream:", "chunk:"}) {
            const std::string plan = where + std::to_string(status) + ":2";
            const Environment fault("FLASHVSR_STUB_FAIL", plan.c_str());
            EXPECT_EQ(run(with_model()).error, expected) << plan;
        }
    }
}

TEST(Errors, AFailedChunkLeavesTheElementUsable) {
    TestElement element;
    {
        const Environment fault("FLASHVSR_STUB_FAIL", "chunk:9:2");
        element.set_caps(video_caps(6, 4));
        element.push_frames(0, 1);
        element.settle();
    }
    element.push_frames(1, 31);
    EXPECT_EQ(element.frames_out(), 21);
    EXPECT_EQ(element.push_frame(32), GST_FLOW_OK);
    element.settle();
    EXPECT_EQ(element.push_frame(33), GST_FLOW_ERROR);
    element.push_frames(34, 25);
    EXPECT_EQ(element.frames_out(), 42);
    EXPECT_EQ(element.log_of_frames().back(), "frame 54");
}

TEST(Errors, AFailedDrainStillPassesTheEndOfStream) {
    TestElement element;
    {
        const Environment fault("FLASHVSR_STUB_FAIL", "chunk:9:1");
        element.set_caps(video_caps(6, 4));
        element.push_frames(0, 1);
        element.settle();
    }
    element.push_frames(1, 2);
    element.push_event(gst_event_new_eos());
    EXPECT_EQ(element.log().back(), "eos");
    GstMessage* message = wait_for(element.bus(), GST_MESSAGE_ERROR);
    EXPECT_NE(message, nullptr);
    if (message) gst_message_unref(message);
}

/* ---- the default model ----------------------------------------------------------------------- */

TEST(DefaultModel, EnvironmentThenUserDataThenNanoWithAWarning) {
    const Environment unset("FLASHVSR_MODEL_DIR", nullptr);
    const std::string user_models = std::string(g_get_user_data_dir()) + "/flashvsr/FlashVSR";
    ASSERT_EQ(g_mkdir_with_parents(user_models.c_str(), 0700), 0);
    {
        const Environment nano("FLASHVSR_NANO_DIR", "/no/such/folder");
        const Outcome outcome = run("");
        EXPECT_EQ(outcome.error, "");
        EXPECT_FALSE(outcome.warned);
    }
    g_rmdir(user_models.c_str());
    {
        const Environment nano("FLASHVSR_NANO_DIR", model_folder().c_str());
        const Outcome outcome = run("");
        EXPECT_EQ(outcome.error, "");
        EXPECT_TRUE(outcome.warned);
    }
    const Environment set("FLASHVSR_MODEL_DIR", model_folder().c_str());
    EXPECT_FALSE(run("").warned);
}

/* ---- states and seeks ------------------------------------------------------------------------ */

TEST(States, CyclingTwentyTimesWorks) {
    GstElement* pipeline = make_pipeline(with_model(), 30);
    GstBus* bus = gst_element_get_bus(pipeline);
    for (int i = 0; i < 20; i++) {
        ASSERT_NE(gst_element_set_state(pipeline, GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
        if (i % 2 == 0) {
            GstMessage* message = wait_for(bus, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
            ASSERT_NE(message, nullptr);
            EXPECT_EQ(GST_MESSAGE_TYPE(message), GST_MESSAGE_EOS);
            gst_message_unref(message);
        }
        const GstState rest = i % 4 < 2 ? GST_STATE_NULL : GST_STATE_READY;
        ASSERT_EQ(gst_element_set_state(pipeline, rest), GST_STATE_CHANGE_SUCCESS);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(pipeline);
}

TEST(States, AFlushingSeekStartsAtTheRightFrame) {
    GstElement* pipeline = make_pipeline(with_model(), 100);
    GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
    g_object_set(sink, "signal-handoffs", TRUE, nullptr);
    std::vector<GstClockTime> times;
    g_signal_connect(
        sink, "handoff", G_CALLBACK(+[](GstElement*, GstBuffer* buffer, GstPad*, gpointer data) {
            static_cast<std::vector<GstClockTime>*>(data)->push_back(GST_BUFFER_PTS(buffer));
        }),
        &times);
    gst_element_set_state(pipeline, GST_STATE_PAUSED);
    ASSERT_EQ(gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND),
              GST_STATE_CHANGE_SUCCESS);
    ASSERT_TRUE(gst_element_seek_simple(
        pipeline, GST_FORMAT_TIME,
        static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE), 2 * GST_SECOND));
    ASSERT_EQ(gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND),
              GST_STATE_CHANGE_SUCCESS);
    times.clear();
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstBus* bus = gst_element_get_bus(pipeline);
    GstMessage* message = wait_for(bus, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(GST_MESSAGE_TYPE(message), GST_MESSAGE_EOS);
    gst_message_unref(message);
    ASSERT_FALSE(times.empty());
    EXPECT_EQ(times.front(), 2 * GST_SECOND);
    EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(sink);
    gst_object_unref(pipeline);
}

/* ---- other processes ------------------------------------------------------------------------- */

struct Child {
    int status = -1;
    double seconds = 0;
    std::string output;
    std::string errors;
};

Child run_child(const std::string& command) {
    Child child;
    gchar* output = nullptr;
    gchar* errors = nullptr;
    const gint64 start = g_get_monotonic_time();
    g_spawn_command_line_sync(command.c_str(), &output, &errors, &child.status, nullptr);
    child.seconds = static_cast<double>(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
    if (output) child.output = output;
    if (errors) child.errors = errors;
    g_free(output);
    g_free(errors);
    return child;
}

TEST(Processes, InspectIsQuickAndNeedsNoEngine) {
    const Environment missing("FLASHVSR_ENGINE", "/no/such/libflashvsr.so");
    const Child child = run_child("gst-inspect-1.0 flashvsrupscale");
    EXPECT_EQ(child.status, 0) << child.errors;
    EXPECT_NE(child.output.find("model-dir"), std::string::npos);
    EXPECT_LT(child.seconds, 1.0);
}

TEST(Processes, TheEngineLogsThroughGStreamer) {
    const Environment debug("GST_DEBUG", "flashvsrengine:4");
    const Child child = run_child(
        "gst-launch-1.0 videotestsrc num-buffers=1 ! flashvsrupscale "
        "scale=1 model-dir=" +
        model_folder() + " ! fakesink");
    EXPECT_NE(child.errors.find("the stub is open"), std::string::npos) << child.errors;
}

TEST(Processes, NothingLeaks) {
    const Environment tracers("GST_TRACERS", "leaks");
    const Environment debug("GST_DEBUG", "GST_TRACER:7");
    const Environment no_color("GST_DEBUG_NO_COLOR", "1");
    const Child child = run_child(
        "gst-launch-1.0 videotestsrc num-buffers=50 ! video/x-raw,width=16,height=12 ! "
        "flashvsrupscale scale=2 model-dir=" +
        model_folder() + " ! fakesink");
    EXPECT_EQ(child.status, 0) << child.errors;
    EXPECT_NE(child.errors.find("GST_TRACER"), std::string::npos);
    EXPECT_EQ(child.errors.find("object-alive, type-name=(string)G"), std::string::npos)
        << child.errors;
}

}  // namespace
