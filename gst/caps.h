// SPDX-License-Identifier: Apache-2.0
// Which caps can become which. Format, size and memory may change; the pixel aspect ratio does
// where the size alone cannot keep the picture's proportions; nothing else does.
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

namespace flashvsr {

// Caps of both pads: every format, in system memory and, where the build has it, CUDA memory. The
// caller's.
GstCaps* template_caps();

// Caps for the pad opposite to the one at `direction`, which has `caps`: the same with any size,
// first in the same memory, format and colorimetry, then in any. Interlaced structures have no
// counterpart. `filter` may be NULL. Returns new caps, possibly empty.
GstCaps* transform_caps(GstPadDirection direction, GstCaps* caps, GstCaps* filter);

// Chooses from `candidates` (taken over) the output for fixed input caps: the memory and format
// closest to the input's, the input's size times `scale` rounded to whole pixels, or what
// fixate_picture_size() makes of it where the candidates say otherwise. Colorimetry and chroma site
// are always in the result: those of the input, unless the candidates say otherwise or the colour
// family changes. Left out, GStreamer would guess them from the larger size and turn 601 into 709.
GstCaps* fixate_output_caps(GstCaps* input, double scale, GstCaps* candidates);

// Chooses from `candidates` (taken over) the input for fixed output caps; sizes near output/scale.
GstCaps* fixate_input_caps(GstCaps* output, double scale, GstCaps* candidates);

}  // namespace flashvsr
