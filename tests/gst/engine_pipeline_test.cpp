/* The element with the real engine and the micro model: what needs both. */
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tests/gst/test_element.h"

namespace {

/* The micro model's prompt and weights fit one window: the output must be 128x128. */
constexpr char kUpscale[] = "flashvsrupscale name=upscale scale=4 model-dir=" FLASHVSR_MICRO_MODEL;

class EnginePipeline : public testing::Test {
  protected:
    /* Runs frames through the element to the end of the stream; the frames that came out. */
    std::vector<GstBuffer*> run(const std::string& format, int frames,
                                const std::string& properties = "") {
        const std::string line =
            "videotestsrc " + pattern_ + " num-buffers=" + std::to_string(frames) +
            " ! video/x-raw,format=" + format + ",width=32,height=32,framerate=25/1 ! " + kUpscale +
            " " + properties + " ! fakesink name=sink signal-handoffs=true sync=false";
        GstElement* pipeline = gst_parse_launch(line.c_str(), nullptr);
        GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
        GstBus* bus = gst_element_get_bus(pipeline);
        g_signal_connect(
            sink, "handoff", G_CALLBACK(+[](GstElement*, GstBuffer* buffer, GstPad*, gpointer out) {
                static_cast<std::vector<GstBuffer*>*>(out)->push_back(gst_buffer_ref(buffer));
            }),
            &out_);
        gst_element_set_state(pipeline, GST_STATE_PLAYING);
        GstMessage* message = gst_bus_timed_pop_filtered(
            bus, GST_CLOCK_TIME_NONE,
            static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
        if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
            GError* error = nullptr;
            gst_message_parse_error(message, &error, nullptr);
            ADD_FAILURE() << error->message;
            g_error_free(error);
        }
        gst_message_unref(message);
        gst_element_set_state(pipeline, GST_STATE_NULL);
        gst_object_unref(bus);
        gst_object_unref(sink);
        gst_object_unref(pipeline);
        return std::exchange(out_, {});
    }

    std::string pattern_ = "pattern=ball";
    std::vector<GstBuffer*> out_;
};

void release(const std::vector<GstBuffer*>& buffers) {
    for (GstBuffer* buffer : buffers) gst_buffer_unref(buffer);
}

std::vector<guint8> bytes_of(GstBuffer* buffer) {
    std::vector<guint8> bytes(gst_buffer_get_size(buffer));
    gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
    return bytes;
}

TEST_F(EnginePipeline, GivesAsManyFramesAsWentInWithTheirTimes) {
    for (const int count : {1, 25, 34}) {
        const std::vector<GstBuffer*> out = run("I420", count);
        ASSERT_EQ(out.size(), static_cast<size_t>(count));
        for (int i = 0; i < count; i++) {
            EXPECT_EQ(GST_BUFFER_PTS(out[i]), i * kPeriod);
            EXPECT_EQ(gst_buffer_get_size(out[i]), 128u * 128 * 3 / 2);
        }
        release(out);
    }
}

/* Mean absolute difference of two pictures, in steps of 8 bits. */
double distance(GstBuffer* a, GstBuffer* b, bool ten_bit) {
    const std::vector<guint8> x = bytes_of(a);
    const std::vector<guint8> y = bytes_of(b);
    EXPECT_EQ(x.size(), y.size());
    double sum = 0;
    const size_t step = ten_bit ? 2 : 1;
    for (size_t i = 0; i < x.size(); i += step) {
        const int low = x[i] - y[i];
        sum += std::abs(ten_bit ? x[i + 1] - y[i + 1] + low / 256.0 : low);
    }
    return sum * static_cast<double>(step) / static_cast<double>(x.size());
}

TEST_F(EnginePipeline, EveryFormatKeepsItsColours) {
    pattern_ = "pattern=solid-color foreground-color=0xff5080c0";
    for (const char* format :
         {"I420", "NV12", "P010_10LE", "RGB", "BGR", "RGBA", "BGRA", "RGBx", "BGRx"}) {
        const std::vector<GstBuffer*> model = run(format, 2);
        const std::vector<GstBuffer*> resized = run(format, 2, "strength=0");
        const std::vector<GstBuffer*> converted = run(format, 2, "enabled=false");
        ASSERT_EQ(model.size(), 2u);
        ASSERT_EQ(resized.size(), 2u);
        ASSERT_EQ(converted.size(), 2u);
        /* GStreamer's resize and the engine's agree on what the numbers mean, and the colour fix
         * leaves a plain surface as it is. */
        const bool ten_bit = format == std::string("P010_10LE");
        EXPECT_LT(distance(resized[1], converted[1], ten_bit), 1.0) << format;
        EXPECT_LT(distance(model[1], converted[1], ten_bit), 1.0) << format;
        release(model);
        release(resized);
        release(converted);
    }
}

TEST_F(EnginePipeline, EqualSeedsGiveEqualPictures) {
    const std::vector<GstBuffer*> first = run("RGB", 2, "seed=7");
    const std::vector<GstBuffer*> again = run("RGB", 2, "seed=7");
    const std::vector<GstBuffer*> other = run("RGB", 2, "seed=8");
    EXPECT_EQ(bytes_of(first[0]), bytes_of(again[0]));
    EXPECT_NE(bytes_of(first[0]), bytes_of(other[0]));
    release(first);
    release(again);
    release(other);
}

TEST_F(EnginePipeline, StopsQuicklyAtAnyMoment) {
    const std::string line =
        "videotestsrc ! video/x-raw,format=I420,width=32,height=32 ! flashvsrupscale "
        "model-dir=" FLASHVSR_NANO_MODEL " ! fakesink";
    for (int i = 0; i < 100; i++) {
        GstElement* pipeline = gst_parse_launch(line.c_str(), nullptr);
        gst_element_set_state(pipeline, GST_STATE_PLAYING);
        g_usleep(i * 7919 % 211 * 1000); /* in the load, the first chunk, or a later one */
        const gint64 begin = g_get_monotonic_time();
        gst_element_set_state(pipeline, GST_STATE_NULL);
        EXPECT_LT(g_get_monotonic_time() - begin, 2 * G_USEC_PER_SEC) << i;
        gst_object_unref(pipeline);
    }
}

TEST_F(EnginePipeline, AFolderWithoutAModelIsNamedInTheError) {
    GstElement* upscale = gst_parse_launch("flashvsrupscale model-dir=/no/such/model", nullptr);
    GstBus* bus = gst_bus_new();
    gst_element_set_bus(upscale, bus);
    gst_element_set_state(upscale, GST_STATE_PAUSED);
    GstMessage* message = wait_for(bus, GST_MESSAGE_ERROR);
    ASSERT_NE(message, nullptr);
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    EXPECT_TRUE(g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
    EXPECT_NE(std::string(error->message).find("/no/such/model"), std::string::npos);
    g_error_free(error);
    gst_message_unref(message);
    gst_element_set_state(upscale, GST_STATE_NULL);
    gst_element_set_bus(upscale, nullptr);
    gst_object_unref(bus);
    gst_object_unref(upscale);
}

}  // namespace
