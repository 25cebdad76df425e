// SPDX-License-Identifier: Apache-2.0
// Events keep their place among the frames; time, latency and settings while playing.
#include <gst/controller/controller.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/gst/test_element.h"

namespace {

using Log = std::vector<std::string>;

GstEvent* custom(int i) {
    return gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
                                gst_structure_new_empty(("custom-" + std::to_string(i)).c_str()));
}

// Frames first .. first + count - 1.
void append_frames(Log* log, int first, int count) {
    for (int i = first; i < first + count; i++) log->push_back("frame " + std::to_string(i));
}

TEST(Events, AnEventPerFrameNeitherMovesNorResets) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    Log expected;
    for (int i = 0; i < 33; i++) {
        element.push_frames(i, 1);
        ASSERT_TRUE(element.push_event(custom(i)));
    }
    for (int i = 0; i < 29; i++) {
        append_frames(&expected, i, 1);
        expected.push_back("custom-" + std::to_string(i));
    }
    EXPECT_EQ(element.log_of_frames(), expected);
}

TEST(Events, TagAndGapWaitBehindTheFramesBeforeThem) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_event(gst_event_new_gap(0, kPeriod));  // nothing to wait for
    EXPECT_EQ(element.log_of_frames(), Log{"gap"});
    element.push_frames(0, 20);
    element.push_event(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "title", nullptr)));
    element.push_frames(20, 4);
    element.push_event(gst_event_new_gap(24 * kPeriod, kPeriod));
    EXPECT_EQ(element.log_of_frames(), Log{"gap"});
    element.push_frames(24, 1);
    Log expected = {"gap"};
    append_frames(&expected, 0, 20);
    expected.push_back("tag");
    append_frames(&expected, 20, 1);
    EXPECT_EQ(element.log_of_frames(), expected);
    element.push_event(gst_event_new_eos());
    append_frames(&expected, 21, 3);
    expected.push_back("gap");
    append_frames(&expected, 24, 1);
    expected.push_back("eos");
    EXPECT_EQ(element.log_of_frames(), expected);
}

TEST(Events, AGapAsLongAsAChunkLetsTheFramesOut) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 20);
    for (int i = 20; i < 28; i++) element.push_event(gst_event_new_gap(i * kPeriod, kPeriod));
    EXPECT_EQ(element.frames_out(), 0);
    element.push_event(gst_event_new_gap(28 * kPeriod, kPeriod));  // now it is longer
    Log expected;
    append_frames(&expected, 0, 20);
    expected.insert(expected.end(), 9, "gap");
    EXPECT_EQ(element.log_of_frames(), expected);
    element.push_frames(29, 33);
    append_frames(&expected, 29, 29);
    EXPECT_EQ(element.log_of_frames(), expected);
    element.push_event(gst_event_new_gap(62 * kPeriod, GST_SECOND));
    append_frames(&expected, 58, 4);
    expected.push_back("gap");
    EXPECT_EQ(element.log_of_frames(), expected);
}

TEST(Events, AGapLetsTheFramesOutWhateverTheFrameRate) {
    TestElement element;
    element.set_caps("video/x-raw,format=I420,width=6,height=4,framerate=0/1");
    element.push_frames(0, 1);
    element.push_event(gst_event_new_gap(kPeriod, 300 * GST_MSECOND));
    EXPECT_EQ(element.frames_out(), 0);  // a frame may well take so long
    element.push_frames(9, 1);
    element.push_event(gst_event_new_gap(10 * kPeriod, 5 * GST_SECOND));
    EXPECT_EQ(element.frames_out(), 2);
}

TEST(Events, EndOfStreamWithoutCapsOrFramesPasses) {
    TestElement element;
    EXPECT_TRUE(element.push_event(gst_event_new_stream_start("test")));
    EXPECT_TRUE(element.push_event(gst_event_new_eos()));
    EXPECT_EQ(element.log().back(), "eos");
}

// How many of 5 frames have come out when `event` has passed.
int frames_out_after(GstEvent* event) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 5);
    element.push_event(event);
    return element.frames_out();
}

GstEvent* segment_from(GstClockTime start) {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    segment.start = segment.time = start;
    return gst_event_new_segment(&segment);
}

TEST(Events, ThoseThatEndAStretchOfVideoLetTheFramesOut) {
    EXPECT_EQ(frames_out_after(segment_from(GST_SECOND)), 5);
    EXPECT_EQ(frames_out_after(gst_event_new_segment_done(GST_FORMAT_TIME, GST_SECOND)), 5);
    EXPECT_EQ(frames_out_after(gst_event_new_stream_start("another")), 5);
}

TEST(Events, ASegmentThatRepeatsTheCurrentOneDoesNot) {
    EXPECT_EQ(frames_out_after(segment_from(0)), 0);
}

TEST(Events, AfterAFlushNoOldFrameComesOut) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 30);
    element.push_event(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "title", nullptr)));
    element.settle();
    element.push_event(gst_event_new_flush_start());
    element.push_event(gst_event_new_flush_stop(TRUE));
    element.push_event(segment_from(0));
    element.push_frames(100, 24);
    EXPECT_EQ(element.frames_out(), 21);  // those of before the flush
    element.push_frames(124, 1);
    element.push_event(gst_event_new_eos());

    Log expected;
    append_frames(&expected, 0, 21);
    expected.push_back("tag");
    append_frames(&expected, 100, 25);
    expected.push_back("eos");
    EXPECT_EQ(element.log_of_frames(), expected);
}

void push_discont(TestElement* element, int value, GstClockTime pts) {
    GstBuffer* buffer = make_frame(video_caps(6, 4), value);
    GST_BUFFER_PTS(buffer) = pts;
    GST_BUFFER_DURATION(buffer) = kPeriod;
    GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    element->push(buffer);
}

TEST(Events, ALongGapStartsAfreshAndAShortOneDoesNot) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 5);
    push_discont(&element, 5, 7 * kPeriod);
    EXPECT_EQ(element.frames_out(), 0);
    push_discont(&element, 6, 10 * GST_SECOND);
    EXPECT_EQ(element.frames_out(), 6);
    push_discont(&element, 7, 0);
    EXPECT_EQ(element.frames_out(), 7);
}

// What downstream answers to every frame.
std::atomic<GstFlowReturn> downstreams_answer;

GstFlowReturn answer(GstPad*, GstObject*, GstBuffer* buffer) {
    gst_buffer_unref(buffer);
    return downstreams_answer;
}

// A chunk in a downstream that takes no frame.
void fail_with(TestElement* element, GstFlowReturn flow) {
    downstreams_answer = flow;
    gst_pad_set_chain_function(element->harness()->sinkpad, answer);
    element->set_caps(video_caps(6, 4));
    element->push_frames(0, 25);
    element->settle();
}

guint64 chunks_of(TestElement* element) { return count_of(element->element(), "chunks"); }

TEST(Failure, IsAnsweredToEveryFrameAndNothingMoreIsComputed) {
    for (const GstFlowReturn flow : {GST_FLOW_EOS, GST_FLOW_NOT_LINKED, GST_FLOW_ERROR}) {
        TestElement element;
        fail_with(&element, flow);
        for (int i = 25; i < 125; i++) ASSERT_EQ(element.push_frame(i), flow) << i;
        EXPECT_EQ(chunks_of(&element), 1u);
    }
}

TEST(Failure, OfTheLastFramesIsAnsweredToTheNextOne) {
    TestElement element;
    downstreams_answer = GST_FLOW_ERROR;
    gst_pad_set_chain_function(element.harness()->sinkpad, answer);
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 5);
    element.push_event(segment_from(GST_SECOND));
    EXPECT_EQ(element.push_frame(5), GST_FLOW_ERROR);
}

TEST(Failure, IsOverWhenDownstreamHasCauseToAnswerAnew) {
    const auto flush = [](TestElement* element) {
        element->push_event(gst_event_new_flush_start());
        element->push_event(gst_event_new_flush_stop(TRUE));
        element->push_event(segment_from(0));
    };
    const auto stream = [](TestElement* element) {
        element->push_event(gst_event_new_stream_start("another"));
        element->push_event(segment_from(0));
    };
    const auto segment = [](TestElement* element) {
        element->push_event(segment_from(GST_SECOND));
    };
    const auto link = [](TestElement* element) {
        gst_pad_push_event(element->harness()->sinkpad, gst_event_new_reconfigure());
    };
    struct Case {
        void (*begin)(TestElement*);
        bool eos, not_linked, error;  // forgiven
    };
    for (const Case& test : {Case{flush, true, true, true}, Case{stream, true, true, true},
                             Case{segment, true, false, false}, Case{link, false, true, false}}) {
        const auto expect = [&test](GstFlowReturn flow, bool forgiven) {
            TestElement element;
            fail_with(&element, flow);
            downstreams_answer = GST_FLOW_OK;
            test.begin(&element);
            EXPECT_EQ(element.push_frame(25), forgiven ? GST_FLOW_OK : flow);
        };
        expect(GST_FLOW_EOS, test.eos);
        expect(GST_FLOW_NOT_LINKED, test.not_linked);
        expect(GST_FLOW_ERROR, test.error);
    }
}

TEST(Events, PositionIsThatOfTheOutput) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 25);
    element.settle();
    gint64 position = 0;
    ASSERT_TRUE(
        gst_pad_peer_query_position(element.harness()->sinkpad, GST_FORMAT_TIME, &position));
    EXPECT_EQ(position, static_cast<gint64>(21 * kPeriod));
}

// ---- scenes ----------------------------------------------------------------------------------

TEST(SceneCut, EndsAStretchWhenAsked) {
    for (const bool reset : {true, false}) {
        TestElement element(reset ? "scene-cut=reset" : "");
        element.set_caps(video_caps(64, 48));
        element.push_frames(0, 30);
        element.push_frames(200, 1);
        EXPECT_EQ(element.frames_out(), reset ? 30 : 21);
        element.push_frames(201, 4);
        element.push_event(gst_event_new_eos());
        Log expected;
        append_frames(&expected, 0, 30);
        append_frames(&expected, 200, 5);
        expected.push_back("eos");
        EXPECT_EQ(element.log_of_frames(), expected);
    }
}

TEST(SceneCut, ShowsInSamplesOfAnySize) {
    for (const char* format : {"P010_10LE", "I422_10LE", "GBR_12LE", "AYUV64", "GRAY8"}) {
        TestElement element("scene-cut=reset");
        element.set_caps(video_caps(64, 48, std::string("format=") + format));
        element.push_frames(30, 30);
        element.push_frames(200, 1);
        EXPECT_EQ(element.frames_out(), 30) << format;
    }
}

TEST(SceneCut, IsNeitherNoiseNorAFlashNorAFade) {
    TestElement element("scene-cut=reset");
    element.set_caps(video_caps(64, 48));
    const auto push_noise = [&element](int brightness) {
        static guint32 state = 1;
        GstBuffer* buffer = make_frame(video_caps(64, 48), 128);
        GstMapInfo map;
        gst_buffer_map(buffer, &map, GST_MAP_WRITE);
        for (int i = 0; i < 64 * 48; i++) {
            state = state * 1664525 + 1013904223;
            map.data[i] = static_cast<guint8>(brightness + (state >> 26));
        }
        gst_buffer_unmap(buffer, &map);
        element.push(buffer);
    };
    for (int i = 0; i < 10; i++) push_noise(60);
    push_noise(180);  // a flash: not more than one cut
    for (int i = 0; i < 10; i++) push_noise(60);
    for (int i = 0; i < 24; i++) push_noise(60 + 5 * i);
    element.settle();
    EXPECT_EQ(count_of(element.element(), "out"),
              10u + 29u);  // the cut at the flash, then nothing but chunks
}

// ---- settings while playing ------------------------------------------------------------------

TEST(Enabled, SwitchingLosesAndReordersNothing) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 30);
    element.settle();
    g_object_set(element.element(), "enabled", FALSE, nullptr);
    element.push_frames(30, 3);
    EXPECT_EQ(element.frames_out(), 33);
    g_object_set(element.element(), "enabled", TRUE, nullptr);
    element.push_frames(33, 27);
    element.push_event(gst_event_new_eos());
    Log expected;
    append_frames(&expected, 0, 60);
    expected.push_back("eos");
    EXPECT_EQ(element.log_of_frames(), expected);
    EXPECT_EQ(element.output_field("width"), "12");
}

TEST(Enabled, FalsePassesTheVeryBufferWhenNothingIsToBeResized) {
    TestElement element("enabled=false scale=1");
    element.set_caps(video_caps(6, 4));
    GstBuffer* input = make_frame(video_caps(6, 4), 1);
    element.push(gst_buffer_ref(input));
    GstBuffer* output = element.pull();
    EXPECT_EQ(output, input);
    gst_buffer_unref(input);
    gst_buffer_unref(output);
}

// In any order, and what an application set itself stays.
TEST(Settings, ThatNobodySetAreThePresets) {
    const auto settings = [](const char* properties) {
        TestElement element(properties);
        gdouble sparse_ratio = 0;
        gint local_range = 0;
        g_object_get(element.element(), "sparse-ratio", &sparse_ratio, "local-range", &local_range,
                     nullptr);
        return std::make_pair(sparse_ratio, local_range);
    };
    EXPECT_EQ(settings(""), std::make_pair(2.0, 11));
    EXPECT_EQ(settings("preset=fast"), std::make_pair(1.5, 9));
    EXPECT_EQ(settings("preset=fast preset=quality"), std::make_pair(2.0, 11));
    EXPECT_EQ(settings("sparse-ratio=2.5 preset=fast"), std::make_pair(2.5, 9));
    EXPECT_EQ(settings("preset=fast local-range=13"), std::make_pair(1.5, 13));
}

TEST(Settings, AreTakenUpByTheNextChunk) {
    TestElement element;
    element.set_caps(video_caps(6, 4, "format=RGB"));
    for (int i = 0; i < 25; i++) element.push(make_frame(video_caps(6, 4, "format=RGB"), 100));
    element.settle();
    g_object_set(element.element(), "strength", 0.5, nullptr);
    for (int i = 0; i < 8; i++) element.push(make_frame(video_caps(6, 4, "format=RGB"), 100));
    GstCaps* caps = element.output_caps();
    GstVideoInfo info;
    gst_video_info_from_caps(&info, caps);
    gst_caps_unref(caps);
    for (int i = 0; i < 29; i++) {
        GstBuffer* buffer = element.pull();
        guint8 red = 0;
        gst_buffer_extract(buffer, 0, &red, 1);
        EXPECT_EQ(red, i < 21 ? 100 : 50) << i;
        gst_buffer_unref(buffer);
    }
}

TEST(Settings, FollowAController) {
    TestElement element;
    GstControlSource* source = gst_interpolation_control_source_new();
    g_object_set(source, "mode", GST_INTERPOLATION_MODE_NONE, nullptr);
    auto* values = GST_TIMED_VALUE_CONTROL_SOURCE(source);
    gst_timed_value_control_source_set(values, 0, 1.0);
    gst_timed_value_control_source_set(values, 30 * kPeriod, 0.25);
    gst_object_add_control_binding(
        GST_OBJECT(element.element()),
        gst_direct_control_binding_new(GST_OBJECT(element.element()), "strength", source));
    gst_object_unref(source);
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 30);
    element.settle();
    gdouble strength = 0;
    g_object_get(element.element(), "strength", &strength, nullptr);
    EXPECT_EQ(strength, 1.0);
    element.push_frames(30, 3);
    element.settle();
    g_object_get(element.element(), "strength", &strength, nullptr);
    EXPECT_EQ(strength, 0.25);
    EXPECT_EQ(element.log_of_frames().back(), "frame 7");  // frame 28 at a quarter
}

}  // namespace
