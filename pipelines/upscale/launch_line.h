// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "pipelines/upscale/media.h"
#include "pipelines/upscale/options.h"

namespace upscale {

// The job's pipeline as gst_parse_launch reads it, with the elements source (an appsrc), upscaler
// and sink, which gets frames of `raw_caps`.
// Throws Failure (kUsage) where a comparison needs a size that is not known.
std::string launch_line(const Options& options, const Media& media, double scale,
                        const std::string& raw_caps);

// Side of the result.
int scaled(int side, double scale);

}  // namespace upscale
