// SPDX-License-Identifier: Apache-2.0
#include "gst/output.h"

#include <gst/video/gstvideometa.h>

#include "gst/cuda_memory.h"
#include "gst/engine_error.h"
#include "gst/frame_queue.h"
#include "gst/log.h"

#define GST_CAT_DEFAULT flashvsr_upscale_debug

namespace flashvsr {

namespace {

// NULL if GStreamer cannot convert between the two.
GstVideoConverter* make_converter(GstVideoInfo in, GstVideoInfo out) {
    return gst_video_converter_new(
        &in, &out,
        gst_structure_new(
            "config", GST_VIDEO_CONVERTER_OPT_RESAMPLER_METHOD, GST_TYPE_VIDEO_RESAMPLER_METHOD,
            GST_VIDEO_RESAMPLER_METHOD_CUBIC, GST_VIDEO_CONVERTER_OPT_CHROMA_RESAMPLER_METHOD,
            GST_TYPE_VIDEO_RESAMPLER_METHOD, GST_VIDEO_RESAMPLER_METHOD_CUBIC, nullptr));
}

// Bits below `shift` become 0.
template <typename Sample>
void blend_rows(const GstVideoFrame* from, int share, GstVideoFrame* onto, guint plane, int bytes,
                int rows, guint shift) {
    for (int y = 0; y < rows; y++) {
        const auto row = [plane, y](const GstVideoFrame* frame) {
            return static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(frame, plane)) +
                   static_cast<gssize>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(frame, plane);
        };
        const auto* source = reinterpret_cast<const Sample*>(row(from));
        auto* target = reinterpret_cast<Sample*>(row(onto));
        for (int x = 0; x < bytes / static_cast<int>(sizeof(Sample)); x++) {
            const int mean = source[x] + ((target[x] - source[x]) * share + 128) / 256;
            target[x] = static_cast<Sample>(mean >> shift << shift);
        }
    }
}

// `onto` becomes `share` of itself and the rest of `from`; both are of one format and size.
void blend_frames(const GstVideoFrame* from, double share, GstVideoFrame* onto) {
    const int weight = static_cast<int>(share * 256);
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(onto); plane++) {
        gint component[GST_VIDEO_MAX_COMPONENTS];
        gst_video_format_info_component(onto->info.finfo, plane, component);
        const int bytes = GST_VIDEO_FRAME_COMP_WIDTH(onto, component[0]) *
                          GST_VIDEO_FRAME_COMP_PSTRIDE(onto, component[0]);
        const int rows = GST_VIDEO_FRAME_COMP_HEIGHT(onto, component[0]);
        const guint shift = GST_VIDEO_FORMAT_INFO_SHIFT(onto->info.finfo, component[0]);
        if (GST_VIDEO_FRAME_COMP_DEPTH(onto, component[0]) > 8) {
            blend_rows<guint16>(from, weight, onto, plane, bytes, rows, shift);
        } else {
            blend_rows<guint8>(from, weight, onto, plane, bytes, rows, shift);
        }
    }
}

// True if the planes of `buffer` do not lie where `info` puts them, so that a reader needs the
// buffer's GstVideoMeta.
bool needs_video_meta(GstBuffer* buffer, const GstVideoInfo& info) {
    const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
    if (!meta) return false;
    for (guint plane = 0; plane < meta->n_planes; plane++) {
        if (meta->stride[plane] != GST_VIDEO_INFO_PLANE_STRIDE(&info, plane) ||
            meta->offset[plane] != GST_VIDEO_INFO_PLANE_OFFSET(&info, plane)) {
            return true;
        }
    }
    return false;
}

}  // namespace

void Output::configure(const FrameLayout& in, const FrameLayout& out) {
    in_info_ = in.info;
    out_info_ = out.info;
    same_memory_ = in.cuda == out.cuda;
    engine_writes_to_device_ = false;
    converter_.reset();
    resized_.reset();
}

void Output::set_allocation(PoolPtr pool, bool downstream_video_meta) {
    pool_ = std::move(pool);
    pool_started_ = false;
    downstream_video_meta_ = downstream_video_meta;
}

GstFlowReturn Output::take(EngineStream* engine, GstBuffer* origin, BufferPtr* output) {
    const GstFlowReturn flow = allocate(origin, output);
    if (flow != GST_FLOW_OK) return flow;
    {
        const int where = engine_writes_to_device_ ? kMapCuda : 0;
        const MappedFrame frame(output->get(), out_info_, GST_MAP_WRITE | where);
        if (!frame) {
            GST_ELEMENT_ERROR(transform_, RESOURCE, WRITE,
                              ("The buffer from downstream's pool could not be written."),
                              (nullptr));
            return GST_FLOW_ERROR;
        }
        FlashvsrFrame result = frame.engine_frame();
        FlashvsrError error = {};
        if (!engine->take(&result, &error)) {
            post_engine_error(GST_ELEMENT_CAST(transform_), error);
            return GST_FLOW_ERROR;
        }
    }
    if (fade_left_ == 0) return GST_FLOW_OK;
    const double share = 1.0 - static_cast<double>(fade_left_--) / (FLASHVSR_CHUNK + 1);
    return has_pixels(origin) ? blend(origin, share, output->get()) : GST_FLOW_OK;
}

GstFlowReturn Output::pass(BufferPtr input, BufferPtr* output) {
    if (same_memory_ && gst_video_info_is_equal(&in_info_, &out_info_) &&
        !gst_buffer_get_video_crop_meta(input.get()) &&
        (downstream_video_meta_ || !needs_video_meta(input.get(), in_info_))) {
        *output = std::move(input);
        return GST_FLOW_OK;
    }
    const GstFlowReturn flow = allocate(input.get(), output);
    return flow == GST_FLOW_OK ? resize(input.get(), output->get()) : flow;
}

// Mixes the resized input into an output of the engine, of which `share` is left.
GstFlowReturn Output::blend(GstBuffer* input, double share, GstBuffer* output) {
    if (!resized_) {
        resized_.reset(gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&out_info_), nullptr));
    }
    const GstFlowReturn flow = resize(input, resized_.get());
    if (flow != GST_FLOW_OK) return flow;
    MappedFrame from(resized_.get(), out_info_, GST_MAP_READ);
    MappedFrame onto(output, out_info_, GST_MAP_READWRITE);
    if (!from || !onto) return GST_FLOW_ERROR;
    blend_frames(from.video(), share, onto.video());
    return GST_FLOW_OK;
}

GstFlowReturn Output::resize(GstBuffer* in, GstBuffer* out) {
    if (!converter_) converter_.reset(make_converter(in_info_, out_info_));
    MappedFrame from(in, in_info_, GST_MAP_READ);
    MappedFrame to(out, out_info_, GST_MAP_WRITE);
    if (!converter_ || !from || !to) {
        GST_ELEMENT_ERROR(transform_, STREAM, FORMAT, ("The frame could not be resized."),
                          (nullptr));
        return GST_FLOW_ERROR;
    }
    gst_video_converter_frame(converter_.get(), from.video(), to.video());
    return GST_FLOW_OK;
}

bool Output::transform_meta(GstBuffer* out, GstMeta* meta, GstBuffer* in) const {
    if (meta->info->api == GST_VIDEO_CROP_META_API_TYPE) return false;  // it has been applied
    bool has_size = false;
    const gchar* const* tags = gst_meta_api_type_get_tags(meta->info->api);
    for (; tags && *tags; tags++) {
        if (g_str_equal(*tags, GST_META_TAG_VIDEO_SIZE_STR)) {
            has_size = true;
        } else if (!g_str_equal(*tags, GST_META_TAG_VIDEO_STR) &&
                   !g_str_equal(*tags, GST_META_TAG_VIDEO_ORIENTATION_STR)) {
            return false;
        }
    }
    if (!has_size) return true;
    if (meta->info->transform_func) {
        GstVideoInfo from = in_info_;
        GstVideoInfo to = out_info_;
        GstVideoMetaTransform sizes = {&from, &to};
        meta->info->transform_func(out, meta, in, gst_video_meta_transform_scale_get_quark(),
                                   &sizes);
    }
    return false;
}

// With the first buffer: the base class stops the pool before, where it has had the same one.
bool Output::start_pool() {
    if (pool_started_) return true;
    pool_started_ = gst_buffer_pool_set_active(pool_.get(), TRUE);
    if (!pool_started_) {
        GST_ELEMENT_ERROR(transform_, RESOURCE, NO_SPACE_LEFT,
                          ("Downstream's pool of buffers does not start."), (nullptr));
    }
    return pool_started_;
}

// A buffer of the pool with the times, flags and metas of `origin`.
GstFlowReturn Output::allocate(GstBuffer* origin, BufferPtr* output) {
    if (!pool_) return GST_FLOW_NOT_NEGOTIATED;
    if (!start_pool()) return GST_FLOW_ERROR;
    GstBuffer* buffer = nullptr;
    const GstFlowReturn flow = gst_buffer_pool_acquire_buffer(pool_.get(), &buffer, nullptr);
    if (flow < GST_FLOW_EOS) {
        GST_ELEMENT_ERROR(transform_, RESOURCE, NO_SPACE_LEFT,
                          ("Downstream's pool has no buffer for a frame."),
                          ("%s", gst_flow_get_name(flow)));
    }
    if (flow != GST_FLOW_OK) return flow;
    output->reset(buffer);
    GST_BASE_TRANSFORM_GET_CLASS(transform_)->copy_metadata(transform_, origin, buffer);
    GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;  // raw video has none
    return GST_FLOW_OK;
}

}  // namespace flashvsr
