// SPDX-License-Identifier: Apache-2.0
// Frames in CUDA memory, with the real engine and the micro model. Skipped without a device.
#include <gst/cuda/gstcudabufferpool.h>
#include <gst/cuda/gstcudautils.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/gst/test_element.h"

namespace {

// The micro model takes one size of output.
constexpr int kSize = 32;

std::string caps_in(const std::string& memory, const std::string& format = "NV12") {
    return "video/x-raw" + memory + ",format=" + format + ",width=32,height=32,framerate=25/1";
}
constexpr char kCuda[] = "(memory:CUDAMemory)";

class CudaMemory : public testing::Test {
  protected:
    void SetUp() override {
        int devices = 0;
        if (!gst_cuda_load_library() || CuInit(0) != CUDA_SUCCESS ||
            CuDeviceGetCount(&devices) != CUDA_SUCCESS || devices == 0) {
            GTEST_SKIP() << "needs a GPU";
        }
        gst_cuda_memory_init_once();
        foreign_ = gst_cuda_context_new(0);
    }
    void TearDown() override {
        if (foreign_) gst_object_unref(foreign_);
    }

    // A frame of noise, the same for the same `i`; in CUDA memory of `context` if that is given.
    static GstBuffer* make_noise(int i, GstCudaContext* context,
                                 const std::string& format = "NV12") {
        GstBuffer* buffer = make_frame(caps_in("", format), 0);
        const GstVideoFormatInfo* info =
            gst_video_format_get_info(gst_video_format_from_string(format.c_str()));
        const guint depth = GST_VIDEO_FORMAT_INFO_DEPTH(info, 0);
        const guint shift = GST_VIDEO_FORMAT_INFO_SHIFT(info, 0) + depth - 8;
        GstMapInfo map;
        gst_buffer_map(buffer, &map, GST_MAP_WRITE);
        guint32 state = 12345 + i;
        for (gsize k = 0; k<map.size; k += depth> 8 ? 2 : 1) {
            state = state * 1664525 + 1013904223;
            const guint sample = 64 + (state >> 25);
            if (depth > 8) {
                GST_WRITE_UINT16_LE(map.data + k, sample << shift);
            } else {
                map.data[k] = static_cast<guint8>(sample);
            }
        }
        gst_buffer_unmap(buffer, &map);
        return context ? upload(buffer, context, format) : buffer;
    }

    // Consumes `host`.
    static GstBuffer* upload(GstBuffer* host, GstCudaContext* context,
                             const std::string& format = "NV12") {
        GstCaps* caps = gst_caps_from_string(caps_in(kCuda, format).c_str());
        GstVideoInfo info;
        gst_video_info_from_caps(&info, caps);
        GstBufferPool* pool = gst_cuda_buffer_pool_new(context);
        GstStructure* config = gst_buffer_pool_get_config(pool);
        gst_buffer_pool_config_set_params(config, caps, GST_VIDEO_INFO_SIZE(&info), 0, 0);
        gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
        EXPECT_TRUE(gst_buffer_pool_set_config(pool, config));
        EXPECT_TRUE(gst_buffer_pool_set_active(pool, TRUE));
        GstBuffer* buffer = nullptr;
        EXPECT_EQ(gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr), GST_FLOW_OK);
        GstVideoFrame from;
        GstVideoFrame to;
        EXPECT_TRUE(gst_video_frame_map(&from, &info, host, GST_MAP_READ));
        EXPECT_TRUE(gst_video_frame_map(&to, &info, buffer, GST_MAP_WRITE));
        gst_video_frame_copy(&to, &from);
        gst_video_frame_unmap(&to);
        gst_video_frame_unmap(&from);
        gst_buffer_pool_set_active(pool, FALSE);
        gst_object_unref(pool);
        gst_caps_unref(caps);
        gst_buffer_unref(host);
        return buffer;
    }

    // What belongs to the picture in all planes.
    static std::vector<guint8> samples_of(GstBuffer* buffer, GstCaps* caps) {
        GstVideoInfo info;
        GstVideoFrame frame;
        EXPECT_TRUE(gst_video_info_from_caps(&info, caps));
        EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
        std::vector<guint8> samples;
        for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&frame); plane++) {
            gint component[GST_VIDEO_MAX_COMPONENTS];
            gst_video_format_info_component(info.finfo, plane, component);
            const int bytes = GST_VIDEO_FRAME_COMP_WIDTH(&frame, component[0]) *
                              GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, component[0]);
            for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, component[0]); y++) {
                const auto* row =
                    static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, plane)) +
                    y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane);
                samples.insert(samples.end(), row, row + bytes);
            }
        }
        gst_video_frame_unmap(&frame);
        return samples;
    }

    // The samples of what comes out for `frames` frames.
    static std::vector<std::vector<guint8>> run(GstCudaContext* context, bool out_in_cuda,
                                                const std::string& properties = "",
                                                const std::string& format = "NV12",
                                                int frames = 27) {
        TestElement element("scale=4 device=cuda model-dir=" FLASHVSR_MICRO_MODEL " " + properties);
        gst_harness_set_sink_caps_str(
            element.harness(), out_in_cuda ? "video/x-raw(memory:CUDAMemory)" : "video/x-raw");
        element.set_caps(caps_in(context ? kCuda : "", format));
        for (int i = 0; i < frames; i++) element.push(make_noise(i, context, format));
        element.push_event(gst_event_new_eos());
        std::vector<std::vector<guint8>> pictures;
        GstCaps* caps = element.output_caps();
        while (GstBuffer* buffer = element.pull()) {
            EXPECT_EQ(gst_is_cuda_memory(gst_buffer_peek_memory(buffer, 0)), out_in_cuda);
            pictures.push_back(samples_of(buffer, caps));
            gst_buffer_unref(buffer);
        }
        gst_clear_caps(&caps);
        return pictures;
    }

    GstCudaContext* foreign_ = nullptr;
};

TEST_F(CudaMemory, OnEitherPadGivesTheSamePictures) {
    const auto expected = run(nullptr, false);
    ASSERT_EQ(expected.size(), 27u);
    EXPECT_EQ(run(nullptr, true), expected);
    EXPECT_EQ(run(foreign_, false), expected);
    EXPECT_EQ(run(foreign_, true), expected);
}

TEST_F(CudaMemory, HoldsEveryFormatThatIsOffered) {
    TestElement element;
    GstCaps* caps = gst_pad_query_caps(GST_PAD_PEER(element.harness()->srcpad), nullptr);
    int formats = 0;
    for (guint i = 0; i < gst_caps_get_size(caps); i++) {
        if (!gst_caps_features_contains(gst_caps_get_features(caps, i), "memory:CUDAMemory")) {
            continue;
        }
        const GValue* list = gst_structure_get_value(gst_caps_get_structure(caps, i), "format");
        for (guint k = 0; k < gst_value_list_get_size(list); k++, formats++) {
            const std::string format = g_value_get_string(gst_value_list_get_value(list, k));
            const auto expected = run(nullptr, false, "", format, 2);
            ASSERT_EQ(expected.size(), 2u) << format;
            EXPECT_EQ(run(foreign_, true, "", format, 2), expected) << format;
        }
    }
    gst_caps_unref(caps);
    EXPECT_GT(formats, 20);
}

TEST_F(CudaMemory, ShowsWhereASceneBegins) {
    for (const char* format : {"NV12", "I422_10LE", "GBR", "BGRA"}) {
        TestElement element("scale=4 device=cuda scene-cut=reset model-dir=" FLASHVSR_MICRO_MODEL);
        gst_harness_set_sink_caps_str(element.harness(), "video/x-raw");
        element.set_caps(caps_in(kCuda, format));
        for (int i = 0; i < 31; i++) {
            element.push(
                upload(make_frame(caps_in("", format), i < 30 ? 40 : 200), foreign_, format));
        }
        EXPECT_EQ(element.frames_out(), 30) << format;
    }
}

TEST_F(CudaMemory, IsResizedWithoutTheModelAsWell) {
    const auto expected = run(nullptr, false, "enabled=false");
    ASSERT_EQ(expected.size(), 27u);
    EXPECT_EQ(run(foreign_, true, "enabled=false"), expected);
}

// The context in an answered CONTEXT query; the caller's.
GstCudaContext* context_of(GstQuery* query) {
    GstContext* context = nullptr;
    GstCudaContext* result = nullptr;
    gst_query_parse_context(query, &context);
    if (context) {
        gst_structure_get(gst_context_get_structure(context), GST_CUDA_CONTEXT_TYPE,
                          GST_TYPE_CUDA_CONTEXT, &result, nullptr);
    }
    return result;
}

TEST_F(CudaMemory, NeighboursGetTheContextThatTheEngineComputesIn) {
    TestElement element("scale=4 device=cuda model-dir=" FLASHVSR_MICRO_MODEL);
    GstQuery* query = gst_query_new_context(GST_CUDA_CONTEXT_TYPE);
    ASSERT_TRUE(gst_pad_peer_query(element.harness()->srcpad, query));
    GstCudaContext* context = context_of(query);
    ASSERT_NE(context, nullptr);
    // What comes in it needs no copy; its frames have addresses that the engine knows.
    EXPECT_NE(gst_cuda_context_get_handle(context), gst_cuda_context_get_handle(foreign_));
    GstMessage* message = wait_for(element.bus(), GST_MESSAGE_HAVE_CONTEXT);
    EXPECT_NE(message, nullptr);
    if (message) gst_message_unref(message);
    EXPECT_EQ(run(context, true), run(nullptr, false));
    gst_object_unref(context);
    gst_query_unref(query);
}

}  // namespace
