// SPDX-License-Identifier: Apache-2.0
// Every frame in is one frame out, with its own times, flags and metadata.
#include <gst/video/video-anc.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <tuple>
#include <utility>

#include "core/formats.h"
#include "tests/gst/test_element.h"
#include "tests/gst/test_pipeline.h"

namespace {

std::vector<std::string> frames(int first, int count) {
    std::vector<std::string> result;
    for (int i = first; i < first + count; i++) result.push_back("frame " + std::to_string(i));
    return result;
}

void as_many_come_out(const std::string& properties, int most) {
    for (const char* device : {"cpu", "cuda"}) {
        const Environment stub("FLASHVSR_STUB_DEVICE", device);
        for (int count = 0; count <= most; count++) {
            TestElement element(properties);
            element.set_caps(video_caps(6, 4));
            element.push_frames(0, count);
            ASSERT_TRUE(element.push_event(gst_event_new_eos()));
            std::vector<std::string> expected = frames(0, count);
            expected.push_back("eos");
            ASSERT_EQ(element.log_of_frames(), expected) << count << " frames on " << device;
        }
    }
}

TEST(Frames, AsManyComeOutAsWentInForAnyNumber) { as_many_come_out("", 60); }

class FastMotion : public testing::TestWithParam<std::tuple<const char*, const char*>> {
  protected:
    static std::string properties() {
        return std::string("temporal-compression=") + std::get<0>(GetParam()) +
               " startup=" + std::get<1>(GetParam());
    }
};

TEST_P(FastMotion, AsManyFramesComeOutAsWentInForAnyNumber) { as_many_come_out(properties(), 70); }

TEST_P(FastMotion, FramesKeepTheirTimesThroughDrainsAndFlushes) {
    TestElement element(properties());
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 7);
    element.set_caps(video_caps(8, 4));  // lets them out
    element.push_frames(7, 15);
    element.settle();
    element.push_event(gst_event_new_flush_start());
    element.push_event(gst_event_new_flush_stop(TRUE));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    element.push_event(gst_event_new_segment(&segment));
    while (GstBuffer* buffer = element.pull()) gst_buffer_unref(buffer);
    element.push_frames(100, 9);
    element.push_event(gst_event_new_eos());
    for (int i = 100; i < 109; i++) {
        GstBuffer* buffer = element.pull();
        ASSERT_NE(buffer, nullptr) << i;
        EXPECT_EQ(GST_BUFFER_PTS(buffer), i * kPeriod);
        EXPECT_EQ(GST_BUFFER_OFFSET(buffer), guint64(i));
        gst_buffer_unref(buffer);
    }
    EXPECT_EQ(element.pull(), nullptr);
    const auto log = element.log_of_frames();
    EXPECT_EQ(std::vector(log.begin(), log.begin() + 7), frames(0, 7));
    EXPECT_EQ(std::vector(log.end() - 10, log.end() - 1), frames(100, 9));
}

INSTANTIATE_TEST_SUITE_P(Frames, FastMotion,
                         testing::Combine(testing::Values("4", "2", "1"),
                                          testing::Values("reference", "fast")));

TEST(FastMotionSchedule, WaitsForFewerFrames) {
    struct Case {
        const char* properties;
        int first_in, first_out;  // frames of the first chunk
        int later;                // of later ones
    };
    for (const Case& test :
         {Case{"temporal-compression=2", 12, 10, 4}, Case{"temporal-compression=1", 6, 5, 2},
          Case{"temporal-compression=2 startup=fast", 6, 4, 4},
          Case{"temporal-compression=1 startup=fast", 3, 2, 2}}) {
        TestElement element(test.properties);
        element.set_caps(video_caps(6, 4));
        element.push_frames(0, test.first_in - 1);
        EXPECT_EQ(element.frames_out(), 0) << test.properties;
        element.push_frames(test.first_in - 1, 1);
        EXPECT_EQ(element.frames_out(), test.first_out) << test.properties;
        element.push_frames(test.first_in, test.later - 1);
        EXPECT_EQ(element.frames_out(), test.first_out) << test.properties;
        element.push_frames(test.first_in + test.later - 1, 1);
        EXPECT_EQ(element.frames_out(), test.first_out + test.later) << test.properties;
    }
}

// The engine makes a latent of its first picture, then of four each: the last picture of a group
// that lies within one latent.
TEST(FastMotionSchedule, TakesTheLastPictureOfAGroupThatALatentHolds) {
    const Environment numbers("FLASHVSR_STUB_NUMBERS", "1");
    struct Case {
        const char* properties;
        int first, step;
    };
    for (const Case& test :
         {Case{"temporal-compression=4", 0, 1}, Case{"temporal-compression=2", 2, 2},
          Case{"temporal-compression=1", 4, 4}, Case{"temporal-compression=4 startup=fast", 13, 1},
          Case{"temporal-compression=2 startup=fast", 14, 2},
          Case{"temporal-compression=1 startup=fast", 16, 4}}) {
        TestElement element(test.properties);
        element.set_caps(video_caps(6, 4));
        for (const int count : {20, 3}) {  // at the second start as at the first
            element.push_frames(0, count);
            GstQuery* drain = gst_query_new_drain();
            gst_pad_peer_query(element.harness()->srcpad, drain);
            gst_query_unref(drain);
            for (int i = 0; i < count; i++) {
                GstBuffer* buffer = element.pull();
                ASSERT_NE(buffer, nullptr);
                guint8 number = 0;
                gst_buffer_extract(buffer, 0, &number, 1);
                EXPECT_EQ(number, test.first + i * test.step) << test.properties;
                gst_buffer_unref(buffer);
            }
        }
    }
}

TEST(Frames, ComeOutAfterTwentyFiveAndThenInEights) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 24);
    EXPECT_EQ(element.frames_out(), 0);
    element.push_frames(24, 1);
    EXPECT_EQ(element.frames_out(), 21);
    element.push_frames(25, 7);
    EXPECT_EQ(element.frames_out(), 21);
    element.push_frames(32, 1);
    EXPECT_EQ(element.frames_out(), 29);
}

TEST(Frames, OfAChunkLeaveWithoutWaitingForTheNextWhereverItIsComputed) {
    const Environment stub("FLASHVSR_STUB_DEVICE", "cuda");
    const Environment slow("FLASHVSR_STUB_CHUNK_MS", "20");
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 32);  // seven frames for the second chunk
    EXPECT_EQ(element.frames_out(), 21);
    element.push_frames(32, 60);
    EXPECT_EQ(element.frames_out(), 85);
}

TEST(Frames, KeepIrregularAndMissingTimesAndTheirOwnFlags) {
    const auto pts_of = [](int i) -> GstClockTime {
        if (i % 5 == 3) return GST_CLOCK_TIME_NONE;
        return i * kPeriod + (i * 7919 % 13) * GST_MSECOND;
    };
    const auto flags_of = [](int i) {
        return (i == 10 ? GST_BUFFER_FLAG_DISCONT : 0) | (i == 22 ? GST_BUFFER_FLAG_CORRUPTED : 0) |
               (i == 28 ? GST_BUFFER_FLAG_DISCONT : 0);
    };
    TestElement element;
    element.set_caps(video_caps(6, 4));
    for (int i = 0; i < 40; i++) {
        GstBuffer* buffer = make_frame(video_caps(6, 4), i);
        GST_BUFFER_PTS(buffer) = pts_of(i);
        GST_BUFFER_DTS(buffer) = i * kPeriod;
        GST_BUFFER_DURATION(buffer) = i % 4 == 0 ? GST_CLOCK_TIME_NONE : (i + 1) * GST_MSECOND;
        GST_BUFFER_OFFSET(buffer) = 1000 + i;
        GST_BUFFER_OFFSET_END(buffer) = 1001 + i;
        GST_BUFFER_FLAG_SET(buffer, flags_of(i));
        ASSERT_EQ(element.push(buffer), GST_FLOW_OK);
    }
    element.push_event(gst_event_new_eos());
    for (int i = 0; i < 40; i++) {
        GstBuffer* buffer = element.pull();
        ASSERT_NE(buffer, nullptr);
        EXPECT_EQ(GST_BUFFER_PTS(buffer), pts_of(i));
        EXPECT_EQ(GST_BUFFER_DTS(buffer), GST_CLOCK_TIME_NONE);
        EXPECT_EQ(GST_BUFFER_DURATION(buffer),
                  i % 4 == 0 ? GST_CLOCK_TIME_NONE : (i + 1) * GST_MSECOND);
        EXPECT_EQ(GST_BUFFER_OFFSET(buffer), 1000u + i);
        EXPECT_EQ(GST_BUFFER_OFFSET_END(buffer), 1001u + i);
        const guint interesting = GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_CORRUPTED;
        EXPECT_EQ(GST_BUFFER_FLAGS(buffer) & interesting, static_cast<guint>(flags_of(i))) << i;
        gst_buffer_unref(buffer);
    }
}

TEST(Frames, CarryTheirMetadataAndScaleRegions) {
    TestElement element("scale=3");
    element.set_caps(video_caps(20, 10));
    GstCaps* reference = gst_caps_from_string("timestamp/x-test");
    for (int i = 0; i < 25; i++) {
        GstBuffer* buffer = make_frame(video_caps(20, 10), i);
        const guint8 caption[] = {static_cast<guint8>(i), 2, 3};
        gst_buffer_add_video_time_code_meta_full(buffer, 25, 1, nullptr,
                                                 GST_VIDEO_TIME_CODE_FLAGS_NONE, 1, 2, 3, i, 0);
        gst_buffer_add_video_caption_meta(buffer, GST_VIDEO_CAPTION_TYPE_CEA708_RAW, caption, 3);
        gst_buffer_add_reference_timestamp_meta(buffer, reference, i * GST_SECOND,
                                                GST_CLOCK_TIME_NONE);
        gst_buffer_add_video_region_of_interest_meta(buffer, "face", i % 10, 1, 5, 4);
        ASSERT_EQ(element.push(buffer), GST_FLOW_OK);
    }
    for (int i = 0; i < 21; i++) {
        GstBuffer* buffer = element.pull();
        ASSERT_NE(buffer, nullptr);
        const GstVideoTimeCodeMeta* time_code = gst_buffer_get_video_time_code_meta(buffer);
        ASSERT_NE(time_code, nullptr);
        EXPECT_EQ(time_code->tc.frames, static_cast<guint>(i));
        const GstVideoCaptionMeta* caption = gst_buffer_get_video_caption_meta(buffer);
        ASSERT_NE(caption, nullptr);
        EXPECT_EQ(caption->data[0], i);
        const GstReferenceTimestampMeta* stamp =
            gst_buffer_get_reference_timestamp_meta(buffer, reference);
        ASSERT_NE(stamp, nullptr);
        EXPECT_EQ(stamp->timestamp, i * GST_SECOND);
        const auto* region = reinterpret_cast<GstVideoRegionOfInterestMeta*>(
            gst_buffer_get_meta(buffer, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE));
        ASSERT_NE(region, nullptr);
        EXPECT_EQ(std::tuple(region->x, region->y, region->w, region->h),
                  std::tuple(3u * (i % 10), 3u, 15u, 12u));
        gst_buffer_unref(buffer);
    }
    gst_caps_unref(reference);
}

TEST(Frames, InputBuffersAreFreeAgainAtOnce) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    GstBuffer* parent = gst_buffer_new();
    GstBuffer* buffer = make_frame(video_caps(6, 4), 1);
    gst_buffer_add_parent_buffer_meta(buffer, parent);
    element.push(gst_buffer_ref(buffer));
    element.settle();
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(buffer), 1);
    gst_buffer_unref(buffer);
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(parent), 1);
    gst_buffer_unref(parent);
}

// ---- memory layout ---------------------------------------------------------------------------

class AnyLayout
    : public testing::TestWithParam<std::tuple<flashvsr::Format, std::pair<int, int>, bool>> {};

// The largest difference of any sample from `value` of 8 bits, in steps of the sample's own.
int distance_from(int value, const GstVideoFrame& frame) {
    int largest = 0;
    for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS(&frame); c++) {
        const guint depth = GST_VIDEO_FRAME_COMP_DEPTH(&frame, c);
        const auto* data = static_cast<const guint8*>(GST_VIDEO_FRAME_COMP_DATA(&frame, c));
        // GStreamer has the second of a pair at one byte, not at one sample.
        if (depth > 8 && c == 2 && GST_VIDEO_FRAME_N_PLANES(&frame) == 2) data++;
        for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++) {
            const auto* row = data + y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, c);
            for (int x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++) {
                const guint8* at = row + x * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, c);
                const int sample =
                    depth == 8 ? *at : GST_READ_UINT16_LE(at) >> frame.info.finfo->shift[c];
                largest = std::max(largest, std::abs(sample - (value << (depth - 8))));
            }
        }
    }
    return largest;
}

TEST_P(AnyLayout, GivesTheFrameBackInTheExactSize) {
    const auto [layout, size, enabled] = GetParam();
    const std::string format(layout.name);
    const std::string caps = video_caps(size.first, size.second, "format=" + format);
    TestElement element(enabled ? "scale=1.5" : "scale=1.5 enabled=false");
    element.set_caps(caps);
    element.push_frames(100, 2);
    element.push_event(gst_event_new_eos());
    EXPECT_EQ(element.output_field("format"), format);
    EXPECT_EQ(element.output_field("width"), std::to_string((3 * size.first + 1) / 2));
    EXPECT_EQ(element.output_field("height"), std::to_string((3 * size.second + 1) / 2));
    GstCaps* output_caps = element.output_caps();
    for (int i = 100; i < 102; i++) {
        GstBuffer* buffer = element.pull();
        ASSERT_NE(buffer, nullptr);
        GstVideoInfo info;
        gst_video_info_from_caps(&info, output_caps);
        EXPECT_GE(gst_buffer_get_size(buffer), GST_VIDEO_INFO_SIZE(&info));
        GstVideoFrame frame;
        ASSERT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
        // GStreamer's own resize is some steps off where an odd size ends.
        EXPECT_LE(distance_from(i, frame), enabled ? 0 : 4 << (layout.bits - 8));
        gst_video_frame_unmap(&frame);
        gst_buffer_unref(buffer);
    }
    gst_caps_unref(output_caps);
}

std::string name_of_layout(const testing::TestParamInfo<AnyLayout::ParamType>& test) {
    const auto& [format, size, enabled] = test.param;
    return std::string(format.name) + "_" + std::to_string(size.first) + (enabled ? "" : "_plain");
}

INSTANTIATE_TEST_SUITE_P(Frames, AnyLayout,
                         testing::Combine(testing::ValuesIn(flashvsr::kFormats),
                                          testing::Values(std::pair(1, 1), std::pair(3, 5),
                                                          std::pair(321, 241)),
                                          testing::Bool()),
                         name_of_layout);

// An RGB frame of 6x4 with padded rows, its samples all 33.
GstBuffer* make_padded_frame() {
    constexpr int kStride = 50;
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, 7 + 4 * kStride, nullptr);
    gst_buffer_memset(buffer, 0, 0xCD, 7 + 4 * kStride);
    for (int y = 0; y < 4; y++) gst_buffer_memset(buffer, 7 + y * kStride, 33, 6 * 3);
    gsize offset[GST_VIDEO_MAX_PLANES] = {7};
    gint stride[GST_VIDEO_MAX_PLANES] = {kStride};
    gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 6, 4, 1,
                                   offset, stride);
    return buffer;
}

TEST(Frames, StridesOfGstVideoMetaCount) {
    TestElement element;
    element.set_caps(video_caps(6, 4, "format=RGB"));
    element.push(make_padded_frame());
    element.push_event(gst_event_new_eos());
    EXPECT_EQ(element.log_of_frames().front(), "frame 33");
}

// A frame of 12x8 whose part of 6x4 at (4, 2) is 50, and which says so.
GstBuffer* make_cropped_frame() {
    const std::string whole = video_caps(12, 8);
    GstBuffer* buffer = make_frame(whole, 0xCD);
    GstCaps* caps = gst_caps_from_string(whole.c_str());
    GstVideoInfo info;
    gst_video_info_from_caps(&info, caps);
    gst_caps_unref(caps);
    gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 12, 8,
                                   3, info.offset, info.stride);
    GstVideoFrame frame;
    EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_WRITE));
    for (int c = 0; c < 3; c++) {
        const int half = c > 0 ? 2 : 1;
        for (int y = 2 / half; y < 6 / half; y++) {
            guint8* row = static_cast<guint8*>(GST_VIDEO_FRAME_COMP_DATA(&frame, c)) +
                          y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, c);
            std::fill(row + 4 / half, row + 10 / half, 50);
        }
    }
    gst_video_frame_unmap(&frame);
    GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(buffer);
    crop->x = 4;
    crop->y = 2;
    crop->width = 6;
    crop->height = 4;
    return buffer;
}

TEST(Frames, AreCutOutWhereTheirCropMetaSays) {
    for (const char* properties : {"", "enabled=false", "enabled=false scale=1"}) {
        TestElement element(properties);
        element.set_caps(video_caps(6, 4));
        element.push(make_cropped_frame());
        element.push_event(gst_event_new_eos());
        EXPECT_EQ(element.log_of_frames().front(), "frame 50") << properties;
        GstBuffer* buffer = element.pull();
        EXPECT_EQ(gst_buffer_get_video_crop_meta(buffer), nullptr);
        gst_buffer_unref(buffer);
    }
}

TEST(Frames, PaddedRowsArePassedOnOnlyToThoseWhoReadGstVideoMeta) {
    for (const bool understood : {false, true}) {
        TestElement element("enabled=false scale=1");
        if (understood) {
            gst_harness_add_propose_allocation_meta(element.harness(), GST_VIDEO_META_API_TYPE,
                                                    nullptr);
        }
        element.set_caps(video_caps(6, 4, "format=RGB"));
        GstBuffer* input = make_padded_frame();
        element.push(gst_buffer_ref(input));
        GstBuffer* output = element.pull();
        ASSERT_NE(output, nullptr);
        EXPECT_EQ(output == input, understood);
        EXPECT_EQ(element.log_of_frames(), std::vector<std::string>{"frame 33"});
        gst_buffer_unref(input);
        gst_buffer_unref(output);
    }
}

// Answers ALLOCATION with a pool whose rows are padded.
GstPadProbeReturn offer_pool(GstPad*, GstPadProbeInfo* info, gpointer pool) {
    GstQuery* query = GST_PAD_PROBE_INFO_QUERY(info);
    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION) return GST_PAD_PROBE_OK;
    GstCaps* caps = nullptr;
    GstVideoInfo video;
    gst_query_parse_allocation(query, &caps, nullptr);
    gst_video_info_from_caps(&video, caps);
    GstVideoAlignment padding;
    gst_video_alignment_reset(&padding);
    padding.padding_right = 37;
    GstStructure* config = gst_buffer_pool_get_config(GST_BUFFER_POOL(pool));
    gst_buffer_pool_config_set_params(config, caps, GST_VIDEO_INFO_SIZE(&video), 2, 3);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    gst_buffer_pool_config_set_video_alignment(config, &padding);
    gst_buffer_pool_set_config(GST_BUFFER_POOL(pool), config);
    gst_query_add_allocation_pool(query, GST_BUFFER_POOL(pool), GST_VIDEO_INFO_SIZE(&video), 2, 3);
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    return GST_PAD_PROBE_HANDLED;
}

TEST(Frames, AreWrittenIntoDownstreamsPool) {
    GstBufferPool* pool = gst_video_buffer_pool_new();
    {
        TestElement element;
        gst_pad_add_probe(element.harness()->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
                          offer_pool, pool, nullptr);
        gst_harness_set_drop_buffers(element.harness(), TRUE);  // the pool is small
        element.set_caps(video_caps(6, 4));
        struct Seen {
            GstBufferPool* pool;
            int frames;
            int padded;
        } seen = {pool, 0, 0};
        gst_pad_add_probe(
            element.harness()->sinkpad, GST_PAD_PROBE_TYPE_BUFFER,
            [](GstPad*, GstPadProbeInfo* info, gpointer data) {
                auto* seen = static_cast<Seen*>(data);
                GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
                const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
                seen->frames += buffer->pool == seen->pool;
                seen->padded += meta && meta->stride[0] >= 12 + 37;
                return GST_PAD_PROBE_OK;
            },
            &seen, nullptr);
        element.push_frames(0, 25);
        element.settle();
        EXPECT_EQ(seen.frames, 21);
        EXPECT_EQ(seen.padded, 21);
        EXPECT_EQ(element.log_of_frames(), frames(0, 21));
    }
    gst_object_unref(pool);
}

TEST(Frames, UpstreamMayUseItsOwnStridesAndCrop) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    GstCaps* caps = gst_caps_from_string(video_caps(6, 4).c_str());
    GstQuery* query = gst_query_new_allocation(caps, TRUE);
    EXPECT_TRUE(gst_pad_peer_query(element.harness()->srcpad, query));
    EXPECT_TRUE(gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr));
    EXPECT_TRUE(gst_query_find_allocation_meta(query, GST_VIDEO_CROP_META_API_TYPE, nullptr));
    gst_query_unref(query);
    gst_caps_unref(caps);
}

TEST(Frames, TooSmallABufferIsAStreamError) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push(gst_buffer_new_allocate(nullptr, 5, nullptr));
    element.settle();
    EXPECT_EQ(element.push_frame(0), GST_FLOW_ERROR);
    GstMessage* message = wait_for(element.bus(), GST_MESSAGE_ERROR);
    ASSERT_NE(message, nullptr);
    Outcome outcome;
    read_error(message, &outcome);
    EXPECT_EQ(outcome.error, name_of(GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT));
    gst_message_unref(message);
}

TEST(Frames, StatsCountThem) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 34);
    element.settle();
    for (const auto& [name, count] : std::map<std::string, guint64>{
             {"in", 34}, {"out", 29}, {"chunks", 2}, {"queue-depth", 5}}) {
        EXPECT_EQ(count_of(element.element(), name.c_str()), count) << name;
    }
}

}  // namespace
