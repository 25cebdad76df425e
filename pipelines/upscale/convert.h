// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/video/video.h>

#include <memory>

#include "pipelines/upscale/encoders.h"

struct SwsContext;

namespace upscale {

// Raw frames of GStreamer into frames as an encoder takes them, by libswscale where the format,
// the colour or the size is another. What is the same is not copied.
class FrameConverter {
  public:
    // from: of the frames that come. to: as they are coded. The picture is scaled to
    // `width` x `height`; what `to` is larger than that repeats the last column and row.
    // Throws Failure (kFailed) where the format cannot be read.
    FrameConverter(const GstVideoInfo& from, const Coding& to, int width, int height);
    ~FrameConverter();
    FrameConverter(const FrameConverter&) = delete;
    FrameConverter& operator=(const FrameConverter&) = delete;

    // The frame may keep the buffer. Throws Failure (kFailed).
    Frame convert(GstBuffer* buffer) const;

    // What comes has alpha and what is coded has none.
    bool drops_alpha() const;
    // Whether a pixel of what comes, which has alpha, is not opaque.
    bool is_transparent(GstBuffer* buffer) const;

  private:
    Frame wrap(GstBuffer* buffer) const;

    const GstVideoInfo from_;
    const Coding to_;
    const int width_, height_;
    const AVPixelFormat source_;
    SwsContext* scaler_ = nullptr;  // null: frames go through as they are
};

}  // namespace upscale
