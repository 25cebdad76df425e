// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipelines/upscale/colour.h"
#include "pipelines/upscale/libav.h"

namespace upscale {

// A code that means this codec in one container may mean nothing in another; then there is none.
void keep_fitting_tag(const AVOutputFormat* format, AVCodecParameters* codec);

// Gives the stream that is written the codec of its packets, under the name that players of this
// container know.
void set_codec(const AVOutputFormat* format, const AVCodecParameters& codec, AVStream* stream);

// The levels as the container says them, where the stream has none yet.
void add_levels(const HdrLevels& levels, AVStream* stream);

// NUT, in which most parts are kept, has no place for colour and HDR levels: they go there and
// back as a tag, and so does whether there is alpha.
void keep_picture_as_tag(const HdrLevels& levels, AVStream* part);
void take_picture_from_tag(const AVStream* part, AVStream* stream);

}  // namespace upscale
