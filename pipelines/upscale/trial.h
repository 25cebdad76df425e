// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <string>

#include "pipelines/upscale/media.h"
#include "pipelines/upscale/options.h"

namespace upscale {

struct Trial {
    std::string text;    // for a person
    guint64 memory = 0;  // bytes: of the device, or of the host where there is none
    double fps = 0;      // without the encoder; 0: it is too slow to be known
};

// What the model needs for a video: the first chunks are computed, on a
// made-up picture of the video's size, at most for a minute. Throws Failure (kFailed) with the
// element's own words, as where the memory does not suffice.
Trial try_out(const Options& options, const Media& media);

}  // namespace upscale
