// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/video/video.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "pipelines/upscale/libav.h"

struct SwsContext;

namespace upscale {

struct FreeScaler {
    void operator()(SwsContext* scaler) const;
};

struct FreeCaps {
    void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
};

// libavutil's name of a raw format of GStreamer with the same bytes; NONE: it has none.
AVPixelFormat libav_format(GstVideoFormat format);

// Whether a pixel of the frame is less than opaque. rounded: by more than a 128th, which rounding
// may make of it.
bool is_transparent(const AVFrame* frame, bool rounded);

// Formats that flashvsrupscale takes and gives in system memory, as the installed element says.
// Empty: it is not installed.
std::vector<GstVideoFormat> element_formats();

// Decoded frames to buffers of a format that the element takes: the same where there is one, else
// the one that loses least. Range, matrix, primaries and transfer stay as they are.
class PictureConverter {
  public:
    // alpha: it is worth keeping.
    PictureConverter(std::vector<GstVideoFormat> accepted, bool alpha)
        : accepted_(std::move(accepted)), alpha_(alpha) {}

    // Prepares for frames like this; true: buffers are of other caps than before. fixed: the
    // format stays that of the first. Throws Failure (kInput) for a format that nothing reads.
    bool prepare(const AVFrame* frame, AVRational rate, bool fixed);
    // Those of the buffers.
    GstCaps* caps() const { return caps_.get(); }
    // A buffer without times. The frame is one that was prepared for.
    GstBuffer* convert(const AVFrame* frame);

    // Whether the frame has transparency that the buffers have not.
    bool loses_alpha(const AVFrame* frame) const;
    // Whether its transfer function or primaries are others than those of the first frame that was
    // asked about.
    bool changes_light(const AVFrame* frame);

  private:
    using Light = std::pair<AVColorTransferCharacteristic, AVColorPrimaries>;

    GstVideoFormat choose(AVPixelFormat from) const;
    void scale(const AVFrame* frame, GstVideoFrame* to);

    std::vector<GstVideoFormat> accepted_;
    bool alpha_;
    GstVideoInfo info_{};
    std::unique_ptr<GstCaps, FreeCaps> caps_;
    std::unique_ptr<SwsContext, FreeScaler> scaler_;
    bool changes_matrix_ = false;
    std::optional<Light> light_;
};

}  // namespace upscale
