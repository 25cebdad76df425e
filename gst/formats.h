/* The engine's pixel formats as GStreamer's, which have the same names. */
#pragma once

#include <gst/video/video.h>

#include <string>

#include "core/flashvsr.h"

namespace flashvsr {

/* FLASHVSR_FORMAT_NONE where the engine has no such format. */
FlashvsrFormat engine_format(GstVideoFormat format);

/* "{ I420, NV12, ... }": of frames in CUDA memory those that libgstcuda can allocate. */
std::string format_list(bool in_cuda_memory);

/* How much a frame suffers when it goes from one format to the other: 0 for the same. What is lost
 * counts first (colour, alpha, bits, chroma, in this order), then a change between RGB and YUV,
 * then room that is not needed. Less than kFormatDistances. */
constexpr int kFormatDistances = 1 << 20;
int format_distance(const GstVideoFormatInfo* from, const GstVideoFormatInfo* to);

}  // namespace flashvsr
