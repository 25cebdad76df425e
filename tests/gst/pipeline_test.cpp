// SPDX-License-Identifier: Apache-2.0
// Whole pipelines: errors and their domains, states, child processes.
#include <glib/gstdio.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/flashvsr.h"
#include "tests/gst/test_element.h"
#include "tests/gst/test_pipeline.h"

namespace {

std::string launch_line(const std::string& properties, int frames) {
    return "videotestsrc num-buffers=" + std::to_string(frames) +
           " ! video/x-raw,format=I420,width=16,height=12,framerate=25/1"
           " ! flashvsrupscale name=upscale scale=2 " +
           properties + " ! fakesink name=sink";
}

std::string with_model() { return "model-dir=" + model_folder(); }

Outcome run(const std::string& properties, int frames = 40) {
    return TestPipeline(launch_line(properties, frames)).run();
}

// ---- errors ----------------------------------------------------------------------------------

TEST(Errors, AModelFolderThatIsNotThereIsNotFound) {
    const Outcome outcome = run("model-dir=/no/such/folder");
    EXPECT_EQ(outcome.error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
    EXPECT_NE(outcome.message.find("/no/such/folder"), std::string::npos);

    const Environment wrong("FLASHVSR_MODEL_DIR", "/no/such/folder");
    EXPECT_EQ(run("").error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
}

TEST(Errors, ASideLongerThanTheEngineMakesIsSaidWithTheScaleThatFits) {
    const auto enlarge = [](const std::string& properties) {
        return TestPipeline(
                   "videotestsrc num-buffers=1 ! video/x-raw,format=GRAY8,width=5000,height=2 ! "
                   "flashvsrupscale " +
                   with_model() + properties + " ! fakesink")
            .run();
    };
    const Outcome outcome = enlarge(" scale=4");
    EXPECT_EQ(outcome.error, name_of(GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT));
    EXPECT_NE(outcome.message.find("20000x8"), std::string::npos) << outcome.message;
    EXPECT_NE(outcome.message.find("scale to 3.27 or less"), std::string::npos) << outcome.message;
    EXPECT_EQ(enlarge(" scale=3.27").error, "");
    EXPECT_EQ(enlarge(" scale=4 enabled=false").error, "");
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

// A copy of the engine that is linked to `other` where the engine is to `library`.
void relink(const gchar* copy, const std::string& library, const std::string& other) {
    gchar* bytes = nullptr;
    gsize size = 0;
    ASSERT_TRUE(g_file_get_contents(g_getenv("FLASHVSR_ENGINE"), &bytes, &size, nullptr));
    std::string engine(bytes, size);
    g_free(bytes);
    const size_t at = engine.find(library);
    ASSERT_NE(at, std::string::npos);
    ASSERT_EQ(library.size(), other.size());
    engine.replace(at, other.size(), other);
    ASSERT_TRUE(g_file_set_contents(copy, engine.data(), static_cast<gssize>(size), nullptr));
}

TEST(Errors, AnEngineWithoutItsLibrariesSaysHowToGetThem) {
    g_autofree gchar* folder = g_dir_make_tmp("engine-XXXXXX", nullptr);
    g_autofree gchar* alone = g_build_filename(folder, "alone.so", nullptr);
    relink(alone, "libstdc++.so.6", "libtorch_x1.so");
    const Environment engine("FLASHVSR_ENGINE", alone);
    const Outcome outcome = run(with_model());
    EXPECT_EQ(outcome.error, name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT));
    for (const char* words : {"libtorch_x1.so is not", "flashvsr-fetch-libtorch", "./setup"})
        EXPECT_NE(outcome.message.find(words), std::string::npos) << words << outcome.message;
    g_unlink(alone);
    g_rmdir(folder);
}

TEST(Errors, ALibraryThatIsNoEngineIsRefused) {
    const Environment wrong("FLASHVSR_ENGINE", "libgmodule-2.0.so.0");
    EXPECT_EQ(run(with_model()).error, name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT));
}

TEST(Errors, AnEngineThatIsNoWholeFileIsNotOpened) {
    g_autofree gchar* folder = g_dir_make_tmp("engine-XXXXXX", nullptr);
    g_autofree gchar* pipe = g_build_filename(folder, "pipe.so", nullptr);
    g_autofree gchar* cut = g_build_filename(folder, "cut.so", nullptr);
    ASSERT_EQ(mkfifo(pipe, 0600), 0);
    gchar* bytes = nullptr;
    gsize size = 0;
    ASSERT_TRUE(g_file_get_contents(g_getenv("FLASHVSR_ENGINE"), &bytes, &size, nullptr));
    constexpr gsize kBeforeTheCode = 8192;  // of which debug information says nothing
    ASSERT_GT(size, 2 * kBeforeTheCode);
    ASSERT_TRUE(g_file_set_contents(cut, bytes, static_cast<gssize>(kBeforeTheCode), nullptr));
    g_free(bytes);
    const std::pair<const char*, const char*> cases[] = {
        {pipe, "not a regular file"}, {folder, "not a regular file"}, {cut, "cut short"}};
    for (const auto& [path, problem] : cases) {
        const Environment engine("FLASHVSR_ENGINE", path);
        const Outcome outcome = run(with_model());
        EXPECT_EQ(outcome.error, name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT));
        EXPECT_NE(outcome.message.find(problem), std::string::npos) << outcome.message;
    }
    g_remove(pipe);
    g_remove(cut);
    g_rmdir(folder);
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

TEST(Errors, OutOfMemorySaysWhatToDoAndTheElementStartsAgain) {
    TestPipeline pipeline(launch_line(with_model(), 40));
    {
        const Environment fault("FLASHVSR_STUB_FAIL",
                                "chunk:" + std::to_string(FLASHVSR_NO_MEMORY) + ":1");
        const Outcome outcome = pipeline.run();
        EXPECT_EQ(outcome.error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT));
        EXPECT_NE(outcome.message.find("scale"), std::string::npos);
    }
    pipeline.set_state(GST_STATE_NULL);
    g_object_set(pipeline.element("upscale"), "scale", 1.5, nullptr);
    EXPECT_EQ(pipeline.run().error, "");
}

TEST(Errors, OfOneStreamLeaveTheOthersRunning) {
    TestElement failing;
    TestElement running;
    failing.set_caps(video_caps(6, 4));
    running.set_caps(video_caps(6, 4));
    {
        const Environment fault("FLASHVSR_STUB_FAIL", "chunk:9:1");
        failing.push_frames(0, 25);
        failing.settle();
    }
    EXPECT_EQ(failing.push_frame(25), GST_FLOW_ERROR);
    running.push_frames(0, 33);
    EXPECT_EQ(running.frames_out(), 29);
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

// ---- the default model -----------------------------------------------------------------------

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

// ---- states and seeks ------------------------------------------------------------------------

TEST(States, CyclingTwentyTimesWorks) {
    TestPipeline pipeline(launch_line(with_model(), 30));
    for (int i = 0; i < 20; i++) {
        pipeline.set_state(GST_STATE_PLAYING);
        if (i % 2 == 0) {
            EXPECT_EQ(pipeline.wait().error, "") << i;
        }
        pipeline.set_state(i % 4 < 2 ? GST_STATE_NULL : GST_STATE_READY);
    }
}

// ---- other processes -------------------------------------------------------------------------

TEST(Processes, InspectIsQuickAndNeedsNoEngine) {
    const Environment missing("FLASHVSR_ENGINE", "/no/such/libflashvsr.so");
    const Child child("gst-inspect-1.0 flashvsrupscale");
    EXPECT_EQ(child.status, 0) << child.errors;
    EXPECT_NE(child.output.find("model-dir"), std::string::npos);
    EXPECT_LT(child.seconds, 1.0);
}

TEST(Processes, AForkFromOneWithTheEngineGetsAnError) {
    TestPipeline before(launch_line(with_model(), 1));
    EXPECT_EQ(before.run().error, "");
    before.set_state(GST_STATE_READY);
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);  // ends it if it hangs
        bool refused = true;
        TestPipeline after(launch_line(with_model(), 1));
        for (TestPipeline* pipeline : {&before, &after}) {
            const Outcome outcome = pipeline->run();
            refused = refused &&
                      outcome.error == name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT) &&
                      outcome.message.find("forked") != std::string::npos;
        }
        _exit(refused ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(before.run().error, "");
}

TEST(Processes, TheEngineLogsThroughGStreamer) {
    const Environment debug("GST_DEBUG", "flashvsrengine:4");
    const Child child(
        "gst-launch-1.0 videotestsrc num-buffers=1 ! flashvsrupscale "
        "scale=1 model-dir=" +
        model_folder() + " ! fakesink");
    EXPECT_NE(child.errors.find("the stub is open"), std::string::npos) << child.errors;
}

TEST(Processes, NothingLeaks) {
    const Environment tracers("GST_TRACERS", "leaks");
    const Environment debug("GST_DEBUG", "GST_TRACER:7");
    const Environment no_color("GST_DEBUG_NO_COLOR", "1");
    const Child child(
        "gst-launch-1.0 videotestsrc num-buffers=50 ! video/x-raw,width=16,height=12 ! "
        "flashvsrupscale scale=2 model-dir=" +
        model_folder() + " ! fakesink");
    EXPECT_EQ(child.status, 0) << child.errors;
    EXPECT_NE(child.errors.find("GST_TRACER"), std::string::npos);
    EXPECT_EQ(child.errors.find("object-alive, type-name=(string)G"), std::string::npos)
        << child.errors;
}

}  // namespace
