/* The buffers that leave the element. */
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include <memory>

#include "gst/bypass.h"
#include "gst/engine_stream.h"
#include "gst/frame_map.h"
#include "gst/mini_object.h"

namespace flashvsr {

/* Makes output buffers: with the engine's picture or a resized one, always with the times, flags
 * and metas of the input that they belong to. Posts an element error where it returns
 * GST_FLOW_ERROR. The worker's thread uses it; configure() and the like when that rests. */
class Output {
  public:
    explicit Output(GstBaseTransform* transform) : transform_(transform) {}

    void configure(const FrameLayout& in, const FrameLayout& out);
    /* Whether the engine writes to CUDA memory; where it does not, frames are brought there. */
    void set_engine_writes_to_device(bool does) { engine_writes_to_device_ = does; }
    /* Where output buffers come from (NULL: nowhere, any more), and whether the element downstream
     * reads GstVideoMeta. The pool is configured; what the base class knows of it goes when the
     * pads are deactivated, while the worker may still be at work. */
    void set_allocation(PoolPtr pool, bool downstream_video_meta);

    /* The engine's next frame. */
    GstFlowReturn take(EngineStream* engine, GstBuffer* origin, BufferPtr* output);
    /* The input itself where nothing is to be changed about it, else resized. */
    GstFlowReturn pass(BufferPtr input, BufferPtr* output);
    /* Mixes the resized input into an output that take() gave; `share` of the result is the
     * engine's. */
    GstFlowReturn blend(GstBuffer* input, double share, GstBuffer* output);
    /* Resizes from one buffer to another. */
    GstFlowReturn resize(GstBuffer* in, GstBuffer* out);

    /* Adds `meta` of `in` to `out` with its sizes and places scaled, if it knows how to. */
    void scale_meta(GstBuffer* out, GstMeta* meta, GstBuffer* in) const;

  private:
    bool start_pool();
    GstFlowReturn allocate(GstBuffer* origin, BufferPtr* output);

    GstBaseTransform* const transform_;
    GstVideoInfo in_info_;
    GstVideoInfo out_info_;
    bool same_memory_ = true;
    bool engine_writes_to_device_ = false;
    PoolPtr pool_;
    bool pool_started_ = false;
    BufferPtr resized_;                   /* for blend() */
    std::unique_ptr<PlainResize> resize_; /* made when first needed */
    bool downstream_video_meta_ = false;
};

}  // namespace flashvsr
