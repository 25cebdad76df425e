// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "pipelines/upscale/media.h"
#include "pipelines/upscale/options.h"

namespace upscale {

// What the model needs for a video, in two lines for a person: the first chunks are computed, on a
// made-up picture of the video's size, at most for a minute. Throws Failure (kFailed) with the
// element's own words, as where the memory does not suffice.
std::string try_out(const Options& options, const Media& media);

}  // namespace upscale
