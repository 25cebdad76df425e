// SPDX-License-Identifier: Apache-2.0
// Which size caps that leave a choice are fixed to.
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include <string>

namespace flashvsr {

// Fixes width, height and pixel aspect ratio of `structure` so that it shows the picture of `from`
// in the proportions that it has on the screen: at `factor` times its size where that is possible,
// else at the size nearest to it that is in proportion, to a pixel or a hundredth. Where no size
// is, the pixel aspect ratio changes if `structure` lets it.
void fixate_picture_size(GstStructure* structure, const GstVideoInfo& from, double factor);

// What is wrong with the sizes, and what would help, where the engine cannot make the one of the
// other; else empty.
std::string size_fault(const GstVideoInfo& in, const GstVideoInfo& out);

}  // namespace flashvsr
