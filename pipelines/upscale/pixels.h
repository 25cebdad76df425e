// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/video/video.h>

#include <string>
#include <vector>

#include "pipelines/upscale/encoders.h"

namespace upscale {

bool has_alpha(AVPixelFormat format);
// Bits of a sample.
int depth(AVPixelFormat format);

// As --pixel-format calls it: "yuv420p10", without the byte order.
std::string pixel_format_name(AVPixelFormat format);

// The same samples, perhaps in other planes or another byte order.
bool same_samples(AVPixelFormat a, AVPixelFormat b);

// The encoder's format of that name, or the one with the same samples; NONE: it has none.
AVPixelFormat find_pixel_format(const Encoder& encoder, const std::string& name);

// The encoder's format for a picture of the format `source` where nobody asks for one. The depth
// stays up to 12 bits where the encoder has it (deeper pictures become 10, which more players
// show), and so does alpha. The chroma becomes 4:2:0, or stays where the codec is for further work
// (Encoder::keeps_chroma).
AVPixelFormat auto_pixel_format(const Encoder& encoder, AVPixelFormat source);

// The raw format, as caps call it, of those that the element makes in which a picture of the
// format `source` comes to the encoder's `target` with the least loss: RGB stays RGB and YUV stays
// YUV until then, and alpha is there. source NONE: all that VideoEncoder can read.
std::string raw_formats(AVPixelFormat source, AVPixelFormat target);

// The raw format nearest to `target`, whoever makes it.
std::string raw_format(AVPixelFormat target);

}  // namespace upscale
