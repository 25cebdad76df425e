// SPDX-License-Identifier: Apache-2.0
// Frames that come faster than they can be computed.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <string>
#include <vector>

#include "tests/gst/test_element.h"
#include "tests/gst/test_pipeline.h"

namespace {

struct Stats {
    guint64 in = 0;
    guint64 out = 0;
    guint64 dropped = 0;
    guint64 replaced = 0;
    guint64 chunks = 0;
    gint depth = 0;
};

Stats stats_of(GstElement* element) {
    GstStructure* structure = nullptr;
    g_object_get(element, "stats", &structure, nullptr);
    Stats stats;
    EXPECT_TRUE(gst_structure_get(structure, "in", G_TYPE_UINT64, &stats.in, "out", G_TYPE_UINT64,
                                  &stats.out, "dropped", G_TYPE_UINT64, &stats.dropped, "replaced",
                                  G_TYPE_UINT64, &stats.replaced, "chunks", G_TYPE_UINT64,
                                  &stats.chunks, "queue-depth", G_TYPE_INT, &stats.depth, nullptr));
    gst_structure_free(structure);
    return stats;
}

Stats stats_of(TestElement& element) { return stats_of(element.element()); }

int qos_messages(TestElement& element) {
    int count = 0;
    while (GstMessage* message = gst_bus_pop_filtered(element.bus(), GST_MESSAGE_QOS)) {
        count++;
        gst_message_unref(message);
    }
    return count;
}

// Pushes frames as fast as they are taken; the most frames that were inside meanwhile.
int push_in_a_rush(TestElement& element, int count, const std::string& format = "I420") {
    int most = 0;
    for (int i = 0; i < count; i++) {
        GstBuffer* buffer = make_frame(video_caps(6, 4, "format=" + format), 200);
        GST_BUFFER_PTS(buffer) = i * kPeriod;
        GST_BUFFER_DURATION(buffer) = kPeriod;
        EXPECT_EQ(element.push(buffer), GST_FLOW_OK);
        most = std::max(most, stats_of(element).depth);
    }
    EXPECT_TRUE(element.push_event(gst_event_new_eos()));
    return most;
}

// The most frames that have a place: two FIFOs, the engine, and one in each thread's hand.
constexpr int kBound = 32 + 25 + 32 + 2;

TEST(Overload, BlockComputesEveryFrame) {
    const Environment slow("FLASHVSR_STUB_CHUNK_MS", "10");
    TestElement element;
    element.set_caps(video_caps(6, 4));
    EXPECT_LE(push_in_a_rush(element, 200), kBound);
    const Stats stats = stats_of(element);
    EXPECT_EQ(stats.out, 200u);
    EXPECT_EQ(stats.dropped + stats.replaced, 0u);
    EXPECT_EQ(qos_messages(element), 0);
}

TEST(Overload, DropLosesWholeChunksInOrder) {
    const Environment slow("FLASHVSR_STUB_CHUNK_MS", "50");
    TestElement element("overload=drop");
    element.set_caps(video_caps(6, 4));
    EXPECT_LE(push_in_a_rush(element, 200), kBound);
    const Stats stats = stats_of(element);
    EXPECT_GT(stats.dropped, 0u);
    EXPECT_EQ(stats.dropped % 8, 0u);
    EXPECT_EQ(stats.in, 200u);
    EXPECT_EQ(stats.out + stats.dropped, 200u);
    EXPECT_EQ(qos_messages(element), int(stats.dropped / 8));
    GstClockTime expected = 0;
    while (GstBuffer* buffer = element.pull()) {
        EXPECT_GE(GST_BUFFER_PTS(buffer), expected);
        EXPECT_EQ(bool(GST_BUFFER_IS_DISCONT(buffer)), GST_BUFFER_PTS(buffer) != expected);
        expected = GST_BUFFER_PTS(buffer) + kPeriod;
        gst_buffer_unref(buffer);
    }
}

TEST(Overload, CountsFramesAsOftenAsTheyComeIn) {
    const Environment slow("FLASHVSR_STUB_CHUNK_MS", "30");
    for (const char* mode : {"overload=drop", "overload=bicubic"}) {
        TestElement element(std::string("temporal-compression=1 ") + mode);
        element.set_caps(video_caps(6, 4));
        EXPECT_LE(push_in_a_rush(element, 200), kBound);
        const Stats stats = stats_of(element);
        EXPECT_EQ(stats.in, 200u);
        EXPECT_EQ(stats.out + stats.dropped, 200u) << mode;
        EXPECT_GT(stats.dropped + stats.replaced, 0u) << mode;
        EXPECT_GT(qos_messages(element), 0) << mode;
    }
}

// The first sample of luma, to the nearest of 8 bits.
int luma_of(GstBuffer* buffer, const GstVideoFormatInfo* format) {
    guint8 bytes[2] = {};
    gst_buffer_extract(buffer, 0, bytes, 2);
    const guint depth = GST_VIDEO_FORMAT_INFO_DEPTH(format, 0);
    if (depth == 8) return bytes[0];
    const guint shift = GST_VIDEO_FORMAT_INFO_SHIFT(format, 0) + depth - 8;
    return (GST_READ_UINT16_LE(bytes) + (1 << (shift - 1))) >> shift;
}

class BicubicOverload : public testing::TestWithParam<const char*> {};

TEST_P(BicubicOverload, ReplacesWholeChunksAndBlendsBack) {
    const Environment slow("FLASHVSR_STUB_CHUNK_MS", "100");
    TestElement element("overload=bicubic strength=0.5");  // halves what the engine gives
    element.set_caps(video_caps(6, 4, std::string("format=") + GetParam()));
    EXPECT_LE(push_in_a_rush(element, 120, GetParam()), kBound);
    const Stats stats = stats_of(element);
    EXPECT_EQ(stats.out, 120u);
    EXPECT_EQ(stats.dropped, 0u);
    EXPECT_GE(stats.replaced, 12u);
    EXPECT_GE(qos_messages(element), 1);

    GstCaps* caps = element.output_caps();
    std::vector<int> values;
    for (int i = 0; GstBuffer* buffer = element.pull(); i++) {
        EXPECT_EQ(GST_BUFFER_PTS(buffer), i * kPeriod);
        GstVideoInfo info;
        gst_video_info_from_caps(&info, caps);
        values.push_back(luma_of(buffer, info.finfo));
        gst_buffer_unref(buffer);
    }
    gst_caps_unref(caps);
    ASSERT_EQ(values.size(), 120u);
    for (size_t i = 0; i < 21; i++) EXPECT_EQ(values[i], 100) << i;
    size_t replaced = 0;
    for (size_t i = 21; i < values.size();) {
        size_t run = 0;
        for (; i < values.size() && values[i] == 200; i++) run++;
        replaced += run;
        if (run > 0 && i < values.size()) {
            EXPECT_EQ(run % 8, 4u) << i;  // and the look-ahead
        }
        for (int k = 0; run > 0 && k < 8 && i < values.size(); k++, i++) {
            const int blended = 200 - (k + 1) * 100 / 9;
            EXPECT_NEAR(values[i], blended, 1) << i;
        }
        for (; i < values.size() && values[i] != 200; i++) EXPECT_EQ(values[i], 100) << i;
    }
    EXPECT_EQ(replaced, stats.replaced);
}

INSTANTIATE_TEST_SUITE_P(Formats, BicubicOverload,
                         testing::Values("I420", "P010_10LE", "Y444_12LE", "GRAY16_LE"));

// Answers ALLOCATION with a pool of 8 buffers, whatever the element says.
GstPadProbeReturn offer_few_buffers(GstPad*, GstPadProbeInfo* info, gpointer) {
    GstQuery* query = GST_PAD_PROBE_INFO_QUERY(info);
    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION) return GST_PAD_PROBE_OK;
    GstCaps* caps = nullptr;
    GstVideoInfo video;
    gst_query_parse_allocation(query, &caps, nullptr);
    gst_video_info_from_caps(&video, caps);
    GstBufferPool* pool = gst_video_buffer_pool_new();
    gst_query_add_allocation_pool(query, pool, GST_VIDEO_INFO_SIZE(&video), 8, 8);
    gst_object_unref(pool);
    return GST_PAD_PROBE_HANDLED;
}

TEST(Overload, UpstreamMayHaveFewBuffers) {
    const Environment slow("FLASHVSR_STUB_CHUNK_MS", "100");
    for (const char* mode : {"block", "drop", "bicubic"}) {
        TestPipeline pipeline(
            "videotestsrc num-buffers=120 ! video/x-raw,format=I420,width=16,height=12 ! "
            "flashvsrupscale name=upscale scale=2 model-dir=" +
            model_folder() + " overload=" + mode + " ! fakesink");
        GstElement* element = pipeline.element("upscale");
        GstPad* pad = gst_element_get_static_pad(element, "sink");
        gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, offer_few_buffers, nullptr,
                          nullptr);
        gst_object_unref(pad);
        EXPECT_EQ(pipeline.run().error, "") << mode;
        const Stats stats = stats_of(element);
        EXPECT_EQ(stats.out + stats.dropped, 120u) << mode;
        EXPECT_EQ(stats.dropped > 0, mode == std::string("drop"));
        EXPECT_EQ(stats.replaced > 0, mode == std::string("bicubic"));
    }
}

// A LATENCY query tells the element that the harness is a live source.
void play_live(TestElement& element) {
    GstQuery* query = gst_query_new_latency();
    EXPECT_TRUE(gst_pad_peer_query(element.harness()->sinkpad, query));
    gst_query_unref(query);
}

TEST(Overload, BicubicShowsAPictureWhileTheModelLoads) {
    const Environment slow("FLASHVSR_STUB_LOAD_MS", "10000");
    TestElement element("overload=bicubic");
    element.set_caps(video_caps(6, 4));
    play_live(element);
    element.push_frames(0, 20);
    EXPECT_EQ(element.frames_out(), 20);
    EXPECT_EQ(element.log_of_frames().back(), "frame 19");
}

TEST(Overload, DropNeverBlocksWhileTheModelLoads) {
    const Environment slow("FLASHVSR_STUB_LOAD_MS", "10000");
    TestElement element("overload=drop");
    element.set_caps(video_caps(6, 4));
    play_live(element);
    for (int i = 0; i < 100; i++) element.push_frame(i);
    EXPECT_GE(stats_of(element).dropped, 64u);
}

struct Upstream {
    int qos = 0;
};

// What an element does with a frame that was shown a second too late.
Upstream be_late(TestElement& element) {
    Upstream upstream;
    element.set_caps(video_caps(6, 4));
    gst_pad_add_probe(
        element.harness()->srcpad, GST_PAD_PROBE_TYPE_EVENT_UPSTREAM,
        [](GstPad*, GstPadProbeInfo* info, gpointer data) {
            static_cast<Upstream*>(data)->qos +=
                GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_QOS;
            return GST_PAD_PROBE_OK;
        },
        &upstream, nullptr);
    gst_pad_push_event(element.harness()->sinkpad,
                       gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 1.5, GST_SECOND, 0));
    for (int i = 0; i < 100; i += 20) {
        element.push_frames(i, 20);
        element.settle();
    }
    element.push_event(gst_event_new_eos());
    return upstream;
}

TEST(Overload, WhatWouldBeLateIsGivenUpInChunks) {
    // Frames of the first two seconds: 50, so seven chunks.
    TestElement drop("overload=drop");
    EXPECT_EQ(be_late(drop).qos, 0);
    EXPECT_EQ(stats_of(drop).dropped, 56u);
    EXPECT_EQ(drop.log_of_frames().front(), "frame 56");

    TestElement replace("overload=bicubic");
    EXPECT_EQ(be_late(replace).qos, 0);
    EXPECT_EQ(stats_of(replace).replaced, 56u);
    EXPECT_EQ(replace.frames_out(), 100);
}

TEST(Overload, BlockLeavesLatenessToUpstream) {
    TestElement element;
    EXPECT_EQ(be_late(element).qos, 1);
    EXPECT_EQ(element.frames_out(), 100);
}

// A sink that takes a frame and no other one before it is told to.
class Gate {
  public:
    explicit Gate(TestElement& element) {
        gst_pad_add_probe(
            element.harness()->sinkpad, GST_PAD_PROBE_TYPE_BUFFER,
            [](GstPad*, GstPadProbeInfo*, gpointer self) {
                static_cast<Gate*>(self)->opened_.wait();
                return GST_PAD_PROBE_OK;
            },
            this, nullptr);
    }
    void open() { open_.set_value(); }

  private:
    std::promise<void> open_;
    const std::shared_future<void> opened_ = open_.get_future();
};

// Downstream that takes its time is no overload of the engine, however few frames a chunk gives.
TEST(Overload, ASlowSinkCostsNoFrame) {
    const Environment slow("FLASHVSR_STUB_CHUNK_MS", "20");  // frames pile up in front of it
    const struct {
        const char* compression;
        guint64 chunks;  // that take 30 of the frames
    } settings[] = {{"4", 2}, {"1", 13}};
    for (const auto& [compression, chunks] : settings) {
        for (const char* mode : {" overload=drop", " overload=bicubic"}) {
            TestElement element(std::string("temporal-compression=") + compression + mode);
            Gate sink(element);
            element.set_caps(video_caps(6, 4));
            element.push_frames(0, 60);
            // Then those that still wait are no pile, however fast the sink is from now on.
            while (stats_of(element).chunks < chunks) g_usleep(1000);
            sink.open();
            element.push_event(gst_event_new_eos());
            const Stats stats = stats_of(element);
            EXPECT_EQ(stats.out, 60u) << compression << mode;
            EXPECT_EQ(stats.replaced, 0u) << compression << mode;
        }
    }
}

}  // namespace
