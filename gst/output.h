// SPDX-License-Identifier: Apache-2.0
// The buffers that leave the element.
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include <memory>

#include "gst/engine_stream.h"
#include "gst/frame_map.h"
#include "gst/mini_object.h"

namespace flashvsr {

// Makes output buffers: with the engine's picture or a resized one, always with the times, flags
// and metas of the input that they belong to. Posts an element error where it returns
// GST_FLOW_ERROR. The worker's thread uses it; configure() and the like when that rests.
class Output {
  public:
    explicit Output(GstBaseTransform* transform) : transform_(transform) {}

    void configure(const FrameLayout& in, const FrameLayout& out);
    // Whether the engine writes to CUDA memory; where it does not, frames are brought there.
    void set_engine_writes_to_device(bool does) { engine_writes_to_device_ = does; }
    // Where output buffers come from (NULL: nowhere, any more), and whether the element downstream
    // reads GstVideoMeta. The pool is configured; what the base class knows of it goes when the
    // pads are deactivated, while the worker may still be at work.
    void set_allocation(PoolPtr pool, bool downstream_video_meta);

    // The engine's next frame, the picture of `origin`.
    GstFlowReturn take(EngineStream* engine, GstBuffer* origin, BufferPtr* output);
    // The input itself where nothing is to be changed about it, else resized.
    GstFlowReturn pass(BufferPtr input, BufferPtr* output);
    // After frames without the engine's pictures it comes in softly: over so many frames.
    void fade_in(int frames) { fade_left_ = frames; }
    // Resizes from one buffer to another.
    GstFlowReturn resize(GstBuffer* in, GstBuffer* out);

    // What becomes of a meta of `in`: true, it is to be copied to `out`. What describes the picture
    // as a whole is, what has sizes or places in it has been added there with these scaled, and
    // what we do not know (colour space and the like) is dropped.
    bool transform_meta(GstBuffer* out, GstMeta* meta, GstBuffer* in) const;

  private:
    struct Free {
        void operator()(GstVideoConverter* converter) const { gst_video_converter_free(converter); }
    };

    bool start_pool();
    GstFlowReturn blend(GstBuffer* input, double share, GstBuffer* output);
    GstFlowReturn allocate(GstBuffer* origin, BufferPtr* output);

    GstBaseTransform* const transform_;
    GstVideoInfo in_info_;
    GstVideoInfo out_info_;
    bool same_memory_ = true;
    bool engine_writes_to_device_ = false;
    PoolPtr pool_;
    bool pool_started_ = false;
    int fade_left_ = 0;  // frames that the engine's picture is still to be blended in over
    BufferPtr resized_;  // for blend()
    std::unique_ptr<GstVideoConverter, Free> converter_;  // made when first needed
    bool downstream_video_meta_ = false;
};

}  // namespace flashvsr
