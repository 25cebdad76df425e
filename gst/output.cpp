#include "gst/output.h"

#include <gst/video/gstvideometa.h>

#include "gst/cuda_memory.h"
#include "gst/engine_error.h"
#include "gst/log.h"

#define GST_CAT_DEFAULT flashvsr_upscale_debug

namespace flashvsr {

void Output::configure(const FrameLayout& in, const FrameLayout& out) {
    in_info_ = in.info;
    out_info_ = out.info;
    same_memory_ = in.cuda == out.cuda;
    engine_writes_to_device_ = false;
    resize_.reset();
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
    const int where = engine_writes_to_device_ ? kMapCuda : 0;
    const MappedFrame frame(output->get(), out_info_, GST_MAP_WRITE | where);
    if (!frame) {
        GST_ELEMENT_ERROR(transform_, RESOURCE, WRITE,
                          ("The buffer from downstream's pool could not be written."), (nullptr));
        return GST_FLOW_ERROR;
    }
    FlashvsrFrame result = frame.engine_frame();
    FlashvsrError error = {};
    if (!engine->take(&result, &error)) {
        post_engine_error(GST_ELEMENT_CAST(transform_), error);
        return GST_FLOW_ERROR;
    }
    return GST_FLOW_OK;
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
    if (!resize_) resize_ = std::make_unique<PlainResize>(in_info_, out_info_);
    MappedFrame from(in, in_info_, GST_MAP_READ);
    MappedFrame to(out, out_info_, GST_MAP_WRITE);
    if (!resize_->supported() || !from || !to) {
        GST_ELEMENT_ERROR(transform_, STREAM, FORMAT, ("The frame could not be resized."),
                          (nullptr));
        return GST_FLOW_ERROR;
    }
    resize_->run(from.video(), to.video());
    return GST_FLOW_OK;
}

void Output::scale_meta(GstBuffer* out, GstMeta* meta, GstBuffer* in) const {
    GstVideoInfo from = in_info_;
    GstVideoInfo to = out_info_;
    GstVideoMetaTransform sizes = {&from, &to};
    meta->info->transform_func(out, meta, in, gst_video_meta_transform_scale_get_quark(), &sizes);
}

/* With the first buffer: the base class stops the pool before, where it has had the same one. */
bool Output::start_pool() {
    if (pool_started_) return true;
    pool_started_ = gst_buffer_pool_set_active(pool_.get(), TRUE);
    if (!pool_started_) {
        GST_ELEMENT_ERROR(transform_, RESOURCE, NO_SPACE_LEFT,
                          ("Downstream's pool of buffers does not start."), (nullptr));
    }
    return pool_started_;
}

/* A buffer of the pool with the times, flags and metas of `origin`. */
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
    GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE; /* raw video has none */
    return GST_FLOW_OK;
}

}  // namespace flashvsr
