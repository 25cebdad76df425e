// SPDX-License-Identifier: Apache-2.0
// GstVideoFrame to FlashvsrFrame.
#pragma once

#include <gst/video/video.h>

#include <string>

#include "core/flashvsr.h"

namespace flashvsr {

// "{ I420, NV12, ... }", the formats of the engine, which GStreamer calls by the same names: of
// frames in CUDA memory those that libgstcuda can allocate.
std::string format_list(bool in_cuda_memory);

// Format, size, matrix, range and chroma site of `info`, which must be of one of the formats of the
// pad templates. What the caps left open gets GStreamer's own default.
FlashvsrFrameInfo frame_info(const GstVideoInfo& info);

// A video format and where its frames lie.
struct FrameLayout {
    GstVideoInfo info;
    bool cuda;  // memory:CUDAMemory
};

// False unless the caps are fixed and of progressive raw video in a format of the engine.
bool layout_from_caps(const GstCaps* caps, FrameLayout* layout);

// A buffer mapped for as long as the object lives; strides and offsets of a GstVideoMeta count, and
// of a GstVideoCropMeta the corner: the picture has the size that the caps say. With kMapCuda among
// the flags the planes' addresses are the device's.
class MappedFrame {
  public:
    MappedFrame(GstBuffer* buffer, const GstVideoInfo& info, int flags);
    ~MappedFrame();
    MappedFrame(const MappedFrame&) = delete;
    MappedFrame& operator=(const MappedFrame&) = delete;

    // False: the buffer could not be mapped, or holds less than a frame of the given info.
    explicit operator bool() const { return ok_; }

    GstVideoFrame* video() { return &video_; }
    FlashvsrFrame engine_frame() const;

  private:
    bool move_to(guint x, guint y);

    GstVideoInfo info_;
    GstVideoFrame video_;
    bool on_device_;
    bool mapped_;
    bool ok_;
};

}  // namespace flashvsr
