// SPDX-License-Identifier: Apache-2.0
// What applications do with pipelines: seek, join, mix, record, start and stop.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "tests/gst/test_element.h"
#include "tests/gst/test_pipeline.h"

namespace {

std::string source(int frames) {
    return "videotestsrc num-buffers=" + std::to_string(frames) +
           " ! video/x-raw,format=I420,width=16,height=12,framerate=25/1";
}

std::string upscale() { return "flashvsrupscale scale=2 model-dir=" + model_folder(); }

// Times of the buffers that reach an element, by what came between two flushes.
struct Arrivals {
    std::mutex mutex;
    std::vector<std::vector<GstClockTime>> times{1};

    static GstPadProbeReturn record(GstPad*, GstPadProbeInfo* info, gpointer data) {
        auto* self = static_cast<Arrivals*>(data);
        const std::lock_guard<std::mutex> lock(self->mutex);
        if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) {
            self->times.back().push_back(GST_BUFFER_PTS(GST_PAD_PROBE_INFO_BUFFER(info)));
        } else if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_FLUSH_STOP) {
            self->times.emplace_back();
        }
        return GST_PAD_PROBE_OK;
    }

    void watch(GstElement* element) {
        GstPad* pad = gst_element_get_static_pad(element, "sink");
        gst_pad_add_probe(pad,
                          static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER |
                                                       GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM |
                                                       GST_PAD_PROBE_TYPE_EVENT_FLUSH),
                          record, this, nullptr);
        gst_object_unref(pad);
    }
};

TEST(Seeking, FiftyTimesAtRandomGivesWhatWasAskedForAndNothingElse) {
    const Environment speed("FLASHVSR_STUB_CHUNK_MS", "2");
    Arrivals arrivals;
    std::vector<GstClockTime> targets = {0};
    {
        TestPipeline pipeline(source(-1) + " ! " + upscale() + " ! fakesink name=sink");
        arrivals.watch(pipeline.element("sink"));
        pipeline.set_state(GST_STATE_PLAYING);
        gst_element_get_state(pipeline.get(), nullptr, nullptr, 20 * GST_SECOND);
        for (int i = 0; i < 50; i++) {
            g_usleep(i * 7919 % 13 * 1000);
            targets.push_back(i * 104729 % 5000 * kPeriod);
            const gint64 begin = g_get_monotonic_time();
            ASSERT_TRUE(gst_element_seek_simple(
                pipeline.get(), GST_FORMAT_TIME,
                static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                static_cast<gint64>(targets.back())));
            EXPECT_LT(g_get_monotonic_time() - begin, 2 * G_USEC_PER_SEC);
        }
        gst_element_get_state(pipeline.get(), nullptr, nullptr, 20 * GST_SECOND);
    }
    ASSERT_EQ(arrivals.times.size(), targets.size());
    EXPECT_FALSE(arrivals.times.back().empty());
    for (size_t seek = 0; seek < targets.size(); seek++) {
        const std::vector<GstClockTime>& times = arrivals.times[seek];
        for (size_t i = 0; i < times.size(); i++) {
            ASSERT_EQ(times[i], targets[seek] + i * kPeriod) << "seek " << seek;
        }
    }
}

TEST(Segments, OfJoinedClipsFollowEachOther) {
    Arrivals arrivals;
    TestPipeline pipeline("concat name=join ! " + upscale() + " ! fakesink name=sink " +
                          source(30) + " ! join. " + source(41) + " ! join. " + source(3) +
                          " ! join.");
    arrivals.watch(pipeline.element("sink"));
    EXPECT_EQ(pipeline.run().error, "");
    std::vector<GstClockTime> expected;
    for (const int frames : {30, 41, 3}) {
        for (int i = 0; i < frames; i++) expected.push_back(i * kPeriod);
    }
    EXPECT_EQ(arrivals.times.front(), expected);
}

TEST(Segments, MayRunBackwards) {
    TestElement element;
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    segment.rate = -1.0;
    segment.stop = 30 * kPeriod;
    segment.position = segment.stop;
    element.set_caps(video_caps(6, 4));
    element.push_event(gst_event_new_segment(&segment));
    for (int i = 29; i >= 0; i--) ASSERT_EQ(element.push_frame(i), GST_FLOW_OK);
    element.push_event(gst_event_new_eos());
    for (int i = 29; i >= 0; i--) {
        GstBuffer* buffer = element.pull();
        ASSERT_NE(buffer, nullptr);
        EXPECT_EQ(GST_BUFFER_PTS(buffer), i * kPeriod);
        gst_buffer_unref(buffer);
    }
}

TEST(Live, ABranchBesideItIsMixedWithIt) {
    // The other branch has to wait as long: a queue that holds 24 frame periods and some more.
    TestPipeline pipeline(
        "videotestsrc is-live=true num-buffers=60 ! "
        "video/x-raw,format=I420,width=16,height=12,framerate=25/1 ! tee name=split "
        "split. ! queue max-size-buffers=0 max-size-bytes=0 max-size-time=4000000000 ! mix. "
        "split. ! queue ! " +
        upscale() +
        " ! mix. compositor name=mix sink_1::xpos=16 ! fakesink name=sink sync=true qos=true");
    const Outcome outcome = pipeline.run();
    EXPECT_EQ(outcome.error, "");
    EXPECT_FALSE(outcome.warned);  // "Impossible to configure latency" is a warning
    EXPECT_GE(count_of(pipeline.element("sink"), "rendered"), 55u);
}

TEST(Sound, DoesNotDriftApartInTenMinutes) {
    struct End {
        GstClockTime time = 0;
        int buffers = 0;
        static void note(GstBuffer* buffer, gpointer end) {
            auto* self = static_cast<End*>(end);
            const GstClockTime time = GST_BUFFER_PTS(buffer) + GST_BUFFER_DURATION(buffer);
            EXPECT_GT(time, self->time);
            self->time = time;
            self->buffers++;
        }
    };
    constexpr int kFrames = 17982;  // ten minutes of 30000/1001
    End video;
    End audio;
    TestPipeline pipeline(
        "videotestsrc pattern=black num-buffers=" + std::to_string(kFrames) +
        " ! video/x-raw,format=I420,width=4,height=4,framerate=30000/1001 ! " + upscale() +
        " ! fakesink name=video sync=false "
        "audiotestsrc samplesperbuffer=8000 num-buffers=600 ! audio/x-raw,rate=8000,channels=1 ! "
        "fakesink name=audio sync=false");
    on_buffers(pipeline.element("video"), End::note, &video);
    on_buffers(pipeline.element("audio"), End::note, &audio);
    EXPECT_EQ(pipeline.run().error, "");
    EXPECT_EQ(video.buffers, kFrames);
    EXPECT_EQ(audio.time, 600 * GST_SECOND);
    EXPECT_EQ(video.time, gst_util_uint64_scale(kFrames, 1001 * GST_SECOND, 30000));
    EXPECT_LT(ABS(GST_CLOCK_DIFF(video.time, audio.time)), GstClockTimeDiff(kPeriod));
}

// Frames that an identity named "count" told of on a terminal.
int count_frames(const std::string& log) {
    int frames = 0;
    for (size_t at = 0; (at = log.find("last-message = chain", at)) != std::string::npos; at++) {
        frames++;
    }
    return frames;
}

TEST(Recording, ThatIsInterruptedHasEveryFrame) {
    namespace fs = std::filesystem;
    const fs::path file = fs::temp_directory_path() / "flashvsr-interrupted.mp4";
    const Environment speed("FLASHVSR_STUB_CHUNK_MS", "20");
    const Child recorded(
        "timeout --preserve-status -s INT 2 gst-launch-1.0 -v -e videotestsrc is-live=true ! "
        "video/x-raw,format=I420,width=32,height=24,framerate=25/1 ! "
        "identity name=count silent=false ! " +
        upscale() +
        " ! x264enc tune=zerolatency speed-preset=ultrafast ! mp4mux ! filesink location=" +
        file.string());
    EXPECT_EQ(recorded.status, 0) << recorded.errors;
    const int frames = count_frames(recorded.output);
    EXPECT_GT(frames, 25);
    const Child played("gst-launch-1.0 -v filesrc location=" + file.string() +
                       " ! qtdemux ! h264parse ! avdec_h264 ! "
                       "identity name=count silent=false ! fakesink");
    EXPECT_EQ(count_frames(played.output), frames);
    fs::remove(file);
}

struct Footprint {
    size_t descriptors = 0;
    long kibibytes = 0;
};

Footprint footprint() {
    Footprint now;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        (void)entry;
        now.descriptors++;
    }
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        if (word == "VmRSS:") status >> now.kibibytes;
    }
    return now;
}

TEST(States, FiftyStartsLeaveNothingBehind) {
    const auto play = [] {
        TestPipeline pipeline(source(30) + " ! " + upscale() + " ! fakesink");
        EXPECT_EQ(pipeline.run().error, "");
    };
    for (int i = 0; i < 5; i++) play();
    const Footprint before = footprint();
    for (int i = 0; i < 50; i++) play();
    const Footprint after = footprint();
    EXPECT_EQ(after.descriptors, before.descriptors);
    EXPECT_LT(after.kibibytes - before.kibibytes, 2048);
}

}  // namespace
