// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <glib.h>

#include "pipelines/upscale/destination.h"
#include "pipelines/upscale/libav.h"
#include "pipelines/upscale/report.h"

namespace upscale {

// Compares what the result needs with what is free where it goes. pixels: of all its frames; 0:
// not known. format: of raw video; NONE: not known. Of what is encoded only the least is known:
// that this does not fit is said. Raw video has one size: throws Failure (kOutput) where that does
// not fit.
void check_room(const Destination& destination, AVPixelFormat format, guint64 pixels, bool in_parts,
                const Say& warn);

}  // namespace upscale
