// SPDX-License-Identifier: Apache-2.0
// The reported latency is what frames take.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>

#include "tests/gst/test_element.h"
#include "tests/gst/test_pipeline.h"

namespace {

struct Latency {
    GstClockTime min = 0;
    GstClockTime max = 0;
};

Latency latency_of(TestElement& element) {
    element.settle();
    Latency result;
    gboolean live = FALSE;
    GstQuery* query = gst_query_new_latency();
    EXPECT_TRUE(gst_pad_peer_query(element.harness()->sinkpad, query));
    gst_query_parse_latency(query, &live, &result.min, &result.max);
    gst_query_unref(query);
    return result;
}

int latency_messages(TestElement& element) {
    element.settle();
    int count = 0;
    while (GstMessage* message = gst_bus_pop_filtered(element.bus(), GST_MESSAGE_LATENCY)) {
        count++;
        gst_message_unref(message);
    }
    return count;
}

TEST(Latency, IsTwentyFourPeriodsAndTheFirstChunk) {
    const Environment slow("FLASHVSR_STUB_CHUNK_MS", "100");
    TestElement element;
    gst_harness_set_upstream_latency(element.harness(), 10 * GST_MSECOND);
    element.set_caps(video_caps(6, 4));
    EXPECT_EQ(latency_messages(element), 1);
    EXPECT_EQ(latency_of(element).min, 24 * kPeriod + 10 * GST_MSECOND);
    EXPECT_EQ(latency_of(element).max, GST_CLOCK_TIME_NONE);
    element.push_frames(0, 25);
    EXPECT_EQ(latency_messages(element), 1);
    const GstClockTime latency = latency_of(element).min;
    EXPECT_GE(latency, 24 * kPeriod + 110 * GST_MSECOND);
    EXPECT_LT(latency, 24 * kPeriod + 500 * GST_MSECOND);
    element.push_frames(25, 16);
    EXPECT_EQ(latency_messages(element), 0);
    EXPECT_EQ(latency_of(element).min, latency);
}

TEST(Latency, IsElevenPeriodsAndTheFirstChunkAfterAFastStart) {
    TestElement element("startup=fast");
    element.set_caps(video_caps(6, 4));
    EXPECT_EQ(latency_of(element).min, 11 * kPeriod);
}

TEST(Latency, IsShorterForFastMotion) {
    const auto periods = [](const std::string& properties) {
        TestElement element(properties);
        element.set_caps(video_caps(6, 4));
        return static_cast<int>(latency_of(element).min / kPeriod);
    };
    EXPECT_EQ(periods("temporal-compression=4"), 24);
    EXPECT_EQ(periods("temporal-compression=2"), 11);
    EXPECT_EQ(periods("temporal-compression=1"), 5);
    EXPECT_EQ(periods("temporal-compression=2 startup=fast"), 5);
    EXPECT_EQ(periods("temporal-compression=1 startup=fast"), 2);
}

TEST(Latency, IsAnnouncedWhenTheFrameRateChanges) {
    TestElement element;
    element.set_caps("video/x-raw,format=I420,width=6,height=4,framerate=50/1");
    EXPECT_EQ(latency_of(element).min, 24 * 20 * GST_MSECOND);
    latency_messages(element);
    element.set_caps("video/x-raw,format=I420,width=6,height=4,framerate=24/1");
    EXPECT_EQ(latency_messages(element), 1);
    EXPECT_EQ(latency_of(element).min, GST_SECOND / 24 * 24);
    element.set_caps("video/x-raw,format=I420,width=6,height=4,framerate=30000/1001");
    EXPECT_EQ(latency_messages(element), 1);
    EXPECT_EQ(latency_of(element).min, gst_util_uint64_scale(GST_SECOND, 1001, 30000) * 24);
}

TEST(Latency, ComesFromTheTimeStampsWhenTheRateIsUnknown) {
    TestElement element;
    element.set_caps("video/x-raw,format=I420,width=6,height=4,framerate=0/1");
    EXPECT_EQ(latency_of(element).min, 0u);
    element.push_frames(0, 3);
    EXPECT_EQ(latency_messages(element), 1);
    EXPECT_GE(latency_of(element).min, 24 * kPeriod);
    EXPECT_LT(latency_of(element).min, 30 * kPeriod);
    // Jitter is no news.
    for (int i = 3; i < 20; i++) {
        GstBuffer* buffer = make_frame(video_caps(6, 4), i);
        GST_BUFFER_PTS(buffer) = i * kPeriod + (i * 7919 % 5) * GST_MSECOND;
        element.push(buffer);
    }
    EXPECT_LE(latency_messages(element), 1);
}

TEST(Latency, IsNothingWhileDisabled) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    g_object_set(element.element(), "enabled", FALSE, nullptr);
    element.push_frames(0, 1);
    EXPECT_EQ(latency_of(element).min, 0u);
    g_object_set(element.element(), "enabled", TRUE, nullptr);
    element.push_frames(1, 1);
    EXPECT_EQ(latency_of(element).min, 24 * kPeriod);
}

TEST(Live, NoFrameIsLateWhenTheEngineKeepsUp) {
    // A chunk's frames come in 320 ms. Computing one takes longer than what is tolerated.
    const Environment speed("FLASHVSR_STUB_CHUNK_MS", "250");
    const std::pair<const char*, const char*> cases[] = {
        {"startup=reference", "25/1"},
        {"startup=fast", "25/1"},
        {"temporal-compression=2", "25/2"},
    };
    for (const auto& [properties, rate] : cases) {
        TestPipeline pipeline(
            "videotestsrc is-live=true num-buffers=60 ! "
            "video/x-raw,format=I420,width=16,height=12,framerate=" +
            std::string(rate) + " ! flashvsrupscale scale=2 " + properties + " model-dir=" +
            model_folder() + " ! fakesink name=sink sync=true qos=true max-lateness=150000000");
        EXPECT_EQ(pipeline.run().error, "");
        GstElement* sink = pipeline.element("sink");
        EXPECT_EQ(count_of(sink, "dropped"), 0u) << properties;
        EXPECT_EQ(count_of(sink, "rendered"), 60u) << properties;
    }
}

// The largest number behind `field` in those lines of `log` that hold `kind`.
guint64 largest(const std::string& log, const std::string& kind, const std::string& field) {
    guint64 result = 0;
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
        const size_t at = line.find(field);
        if (line.find(kind) == std::string::npos || at == std::string::npos) continue;
        result = std::max<guint64>(result, std::stoull(line.substr(at + field.size())));
    }
    return result;
}

TEST(Live, WhatTheLatencyTracerMeasuresIsNoMoreThanReported) {
    const Environment speed("FLASHVSR_STUB_CHUNK_MS", "250");
    const Environment tracers("GST_TRACERS", "latency(flags=pipeline+element+reported)");
    const Environment debug("GST_DEBUG", "GST_TRACER:7");
    const Environment no_color("GST_DEBUG_NO_COLOR", "1");
    const std::string source =
        "gst-launch-1.0 videotestsrc is-live=true num-buffers=50 ! "
        "video/x-raw,format=I420,width=16,height=12,framerate=25/1 ! ";
    // That of GStreamer 1.26.2 (Debian 13) never lets go of a live source's first frame.
    if (Child("timeout 20 " + source + "fakesink sync=true").status != 0)
        GTEST_SKIP() << "the latency tracer hangs without the element as well";
    const Child child(source + "flashvsrupscale name=upscale scale=2 model-dir=" + model_folder() +
                      " ! queue ! fakesink sync=true");
    EXPECT_EQ(child.status, 0) << child.errors;
    const guint64 measured =
        largest(child.errors, " element-latency, ", "upscale, src=(string)src, time=(guint64)");
    const guint64 reported = largest(child.errors, " element-reported-latency, ",
                                     "upscale, live=(boolean)1, min=(guint64)");
    EXPECT_GT(measured, 24 * kPeriod);
    EXPECT_LE(measured, reported);
}

}  // namespace
