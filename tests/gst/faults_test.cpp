// SPDX-License-Identifier: Apache-2.0
// What the element stands on fails: the engine, the pool of its buffers, the clock.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "core/flashvsr.h"
#include "tests/gst/test_element.h"
#include "tests/gst/test_pipeline.h"

namespace {

constexpr int kFrames = 40;  // of a stretch

// Frames first, first + 1, ... after a seek or a start, up to the end of the stream or, where
// something failed, as far as they are taken.
void play(TestElement* element, int first) {
    element->push_event(gst_event_new_stream_start("video"));
    element->set_caps(video_caps(6, 4));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    element->push_event(gst_event_new_segment(&segment));
    for (int i = first; i < first + kFrames; i++) {
        if (i == first + kFrames / 2) {
            element->settle();
            g_object_set(element->element(), "strength", 0.5, nullptr);
        }
        element->push_frame(i);
    }
    element->settle();
}

void flush(TestElement* element) {
    element->push_event(gst_event_new_flush_start());
    element->push_event(gst_event_new_flush_stop(TRUE));
}

// Two stretches with a seek between them: makes every call of the engine.
void play_all(TestElement* element) {
    play(element, 0);
    flush(element);
    play(element, kFrames);
    element->push_event(gst_event_new_eos());
}

// The frames that have come out since the last call, each of which has its own picture.
std::set<int> frames_of(TestElement* element) {
    std::set<int> numbers;
    while (GstBuffer* buffer = element->pull()) {
        GstCaps* caps = element->output_caps();
        const int number = static_cast<int>(GST_BUFFER_PTS(buffer) / kPeriod);
        const int value = frame_value(buffer, caps);
        EXPECT_TRUE(value == number || value == number / 2)
            << "frame " << number << " shows " << value;
        EXPECT_TRUE(numbers.insert(number).second) << "frame " << number << " twice";
        gst_caps_unref(caps);
        gst_buffer_unref(buffer);
    }
    return numbers;
}

// The first error on the bus; without a message if there is none.
Outcome error_of(TestElement& element) {
    Outcome outcome;
    if (GstMessage* message = gst_bus_pop_filtered(element.bus(), GST_MESSAGE_ERROR)) {
        read_error(message, &outcome);
        gst_message_unref(message);
    }
    return outcome;
}

// From NULL, without a fault: all is as if nothing had happened.
void expect_restart(TestElement* element) {
    frames_of(element);
    gst_element_set_state(element->element(), GST_STATE_NULL);
    gst_bus_set_flushing(element->bus(), TRUE);
    gst_bus_set_flushing(element->bus(), FALSE);
    gst_element_set_state(element->element(), GST_STATE_PLAYING);
    play(element, 0);
    element->push_event(gst_event_new_eos());
    EXPECT_EQ(frames_of(element).size(), size_t{kFrames});
    EXPECT_EQ(error_of(*element).message, "");
}

// ---- the engine ------------------------------------------------------------------------------

struct Call {
    const char* name;
    int nth;  // on its engine or stream; 0: every one
};

void PrintTo(const Call& call, std::ostream* out) { *out << call.name << ":" << call.nth; }

std::string name_of_error(int status) {
    switch (status) {
        case FLASHVSR_NOT_FOUND: return name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND);
        case FLASHVSR_READ_FAILED: return name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
        case FLASHVSR_NO_MEMORY:
            return name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT);
        case FLASHVSR_BAD_FORMAT: return name_of(GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT);
        case FLASHVSR_BAD_SETTINGS: return name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS);
        default: return name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED);
    }
}

// Calls `test` for every status that is a failure, which `call` then ends with.
template <typename Test>
void for_every_status(const Call& call, Test test) {
    for (int status = FLASHVSR_OK + 1; status <= FLASHVSR_INTERNAL; status++) {
        const std::string plan =
            std::string(call.name) + ":" + std::to_string(status) + ":" + std::to_string(call.nth);
        SCOPED_TRACE(plan);
        test(status, plan);
    }
}

class EngineFault : public testing::TestWithParam<Call> {};

TEST_P(EngineFault, OfAnyStatusIsAnErrorThatNamesItAndOverAfterARestart) {
    // As long as it takes for the state change not to fail.
    const bool loads = std::string(GetParam().name) == "engine_open";
    const Environment late("FLASHVSR_STUB_LOAD_MS", loads ? "200" : "0");
    for_every_status(GetParam(), [](int status, const std::string& plan) {
        std::unique_ptr<TestElement> element;
        {
            const Environment fault("FLASHVSR_STUB_FAIL", plan);
            element = std::make_unique<TestElement>();
            play_all(element.get());
        }
        const Outcome outcome = error_of(*element);
        EXPECT_EQ(outcome.error, name_of_error(status));
        EXPECT_NE(outcome.message.find(GetParam().name), std::string::npos) << outcome.message;
        EXPECT_EQ(element->log().back(), "eos");
        expect_restart(element.get());
    });
}

INSTANTIATE_TEST_SUITE_P(Calls, EngineFault,
                         testing::Values(Call{"engine_open", 0}, Call{"stream_open", 0},
                                         Call{"push", 1}, Call{"push", 25}, Call{"push", 33},
                                         Call{"chunk", 1}, Call{"chunk", 2}, Call{"pop", 1},
                                         Call{"pop", 21}, Call{"pop", 22}, Call{"drain", 1},
                                         Call{"reset", 1}, Call{"configure", 1}, Call{"push", 0},
                                         Call{"pop", 0}, Call{"drain", 0}, Call{"reset", 0}));

class FigureFault : public testing::TestWithParam<Call> {};

TEST_P(FigureFault, CostsFiguresAndNoFrame) {
    for_every_status(GetParam(), [](int, const std::string& plan) {
        const Environment fault("FLASHVSR_STUB_FAIL", plan);
        TestElement element;
        play_all(&element);
        EXPECT_EQ(error_of(element).message, "");
        const std::set<int> frames = frames_of(&element);
        EXPECT_EQ(std::distance(frames.lower_bound(kFrames), frames.end()), kFrames);
    });
}

INSTANTIATE_TEST_SUITE_P(Calls, FigureFault,
                         testing::Values(Call{"info", 0}, Call{"stats", 0}, Call{"memory", 0}));

// ---- the pool of the output's buffers --------------------------------------------------------

struct FaultyPool {
    GstBufferPool parent;
    bool starts;
    int nth;  // buffer that is asked for, and that there is none for
    GstFlowReturn answer;
};

struct FaultyPoolClass {
    GstBufferPoolClass parent;
};

G_DEFINE_TYPE(FaultyPool, faulty_pool, GST_TYPE_BUFFER_POOL)

gboolean start(GstBufferPool* pool) {
    return reinterpret_cast<FaultyPool*>(pool)->starts &&
           GST_BUFFER_POOL_CLASS(faulty_pool_parent_class)->start(pool);
}

GstFlowReturn acquire(GstBufferPool* pool, GstBuffer** buffer,
                      GstBufferPoolAcquireParams* parameters) {
    auto* self = reinterpret_cast<FaultyPool*>(pool);
    if (--self->nth == 0) return self->answer;
    return GST_BUFFER_POOL_CLASS(faulty_pool_parent_class)
        ->acquire_buffer(pool, buffer, parameters);
}

void faulty_pool_class_init(FaultyPoolClass* klass) {
    klass->parent.start = start;
    klass->parent.acquire_buffer = acquire;
}

void faulty_pool_init(FaultyPool* pool) { pool->starts = true; }

GstPadProbeReturn offer(GstPad*, GstPadProbeInfo* info, gpointer pool) {
    GstQuery* query = GST_PAD_PROBE_INFO_QUERY(info);
    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION) return GST_PAD_PROBE_OK;
    gst_query_add_allocation_pool(query, GST_BUFFER_POOL(pool), 12 * 8 * 3 / 2, 0, 0);
    return GST_PAD_PROBE_HANDLED;
}

// An element whose downstream brings a pool.
class WithPool {
  public:
    explicit WithPool(int nth = 0, GstFlowReturn answer = GST_FLOW_OK) {
        pool_->nth = nth;
        pool_->answer = answer;
        probe_ = gst_pad_add_probe(element_.harness()->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
                                   offer, pool_, nullptr);
    }
    ~WithPool() {
        gst_pad_remove_probe(element_.harness()->sinkpad, probe_);
        gst_object_unref(pool_);
    }
    WithPool(const WithPool&) = delete;
    WithPool& operator=(const WithPool&) = delete;

    FaultyPool* pool() { return pool_; }
    TestElement* element() { return &element_; }

  private:
    FaultyPool* pool_ = static_cast<FaultyPool*>(
        gst_object_ref_sink(g_object_new(faulty_pool_get_type(), nullptr)));
    TestElement element_;
    gulong probe_;
};

TEST(PoolFault, IsAnErrorThatNamesThePool) {
    for (const GstFlowReturn answer :
         {GST_FLOW_ERROR, GST_FLOW_NOT_NEGOTIATED, GST_FLOW_NOT_SUPPORTED}) {
        for (const int nth : {1, 21, 22, 40}) {
            SCOPED_TRACE(std::to_string(nth) + gst_flow_get_name(answer));
            WithPool faulty(nth, answer);
            play_all(faulty.element());
            const Outcome outcome = error_of(*faulty.element());
            EXPECT_EQ(outcome.error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT));
            EXPECT_NE(outcome.message.find("pool"), std::string::npos) << outcome.message;
            EXPECT_EQ(faulty.element()->log().back(), "eos");
            expect_restart(faulty.element());
        }
    }
}

// Downstream is about to seek, or to end.
TEST(PoolFault, OfAPoolThatFlushesIsNoError) {
    for (const GstFlowReturn answer : {GST_FLOW_FLUSHING, GST_FLOW_EOS}) {
        for (const int nth : {1, 21, 22}) {
            WithPool faulty(nth, answer);
            play_all(faulty.element());
            EXPECT_EQ(error_of(*faulty.element()).message, "");
            const std::set<int> frames = frames_of(faulty.element());
            EXPECT_EQ(std::distance(frames.lower_bound(kFrames), frames.end()), kFrames);
        }
    }
}

TEST(PoolFault, OfAPoolThatDoesNotStartIsAnErrorThatNamesIt) {
    WithPool faulty;
    faulty.pool()->starts = false;
    play(faulty.element(), 0);
    const Outcome outcome = error_of(*faulty.element());
    EXPECT_NE(outcome.message.find("pool"), std::string::npos) << outcome.message;
    EXPECT_NE(faulty.element()->push_frame(kFrames), GST_FLOW_FLUSHING);
    faulty.pool()->starts = true;
    expect_restart(faulty.element());
}

// ---- the clock -------------------------------------------------------------------------------

std::atomic<GstClockTime> clock_jump{0};

struct JumpingClock {
    GstSystemClock parent;
};

struct JumpingClockClass {
    GstSystemClockClass parent;
};

G_DEFINE_TYPE(JumpingClock, jumping_clock, GST_TYPE_SYSTEM_CLOCK)

void jumping_clock_class_init(JumpingClockClass* klass) {
    GST_CLOCK_CLASS(klass)->get_internal_time = [](GstClock* clock) {
        return GST_CLOCK_CLASS(jumping_clock_parent_class)->get_internal_time(clock) + clock_jump;
    };
}

void jumping_clock_init(JumpingClock*) {}

// As a laptop's that was asleep: everything is an hour late at once.
TEST(ClockFault, OfAnHourLosesNoFrameUnsaid) {
    for (const std::string overload : {"block", "drop", "bicubic"}) {
        SCOPED_TRACE(overload);
        clock_jump = 0;
        TestPipeline pipeline(
            "videotestsrc is-live=true num-buffers=150 ! "
            "video/x-raw,format=I420,width=16,height=12,framerate=100/1 ! "
            "flashvsrupscale name=upscale scale=2 overload=" +
            overload + " model-dir=" + model_folder() + " ! fakesink name=sink sync=true qos=true");
        GstClock* clock =
            GST_CLOCK(gst_object_ref_sink(g_object_new(jumping_clock_get_type(), nullptr)));
        gst_pipeline_use_clock(GST_PIPELINE(pipeline.get()), clock);
        gst_object_unref(clock);
        int in = 0;
        int out = 0;
        on_buffers(
            pipeline.element("upscale"),
            [](GstBuffer*, gpointer in) {
                if (++*static_cast<int*>(in) == 60) clock_jump = 3600 * GST_SECOND;
            },
            &in);
        on_buffers(
            pipeline.element("sink"), [](GstBuffer*, gpointer out) { ++*static_cast<int*>(out); },
            &out);
        EXPECT_EQ(pipeline.run().error, "");
        const auto dropped = static_cast<int>(count_of(pipeline.element("upscale"), "dropped"));
        EXPECT_EQ(in, 150);
        EXPECT_EQ(out + dropped, in);
    }
}

}  // namespace
