// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipelines/upscale/libav.h"

namespace upscale {

bool is_cover(const AVStream* track);

// Gives a stream that is written the form of one that was read, as its container has it: a cover
// picture of Matroska is an attachment, which has no packets. Throws Failure where memory is out.
void copy_form(const AVStream* from, const AVOutputFormat* format, AVStream* to);

// Whether a file of this format can have such a track.
bool holds(const AVOutputFormat* format, const AVStream* track);

}  // namespace upscale
