// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "pipelines/upscale/media.h"
#include "pipelines/upscale/options.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/window.h"

namespace upscale {

// A span of a video that is computed for itself, wherever: its frames depend on the input, the
// settings and this alone.
struct PartSpan {
    Window window;             // the frames that are written
    GstClockTime lead_in = 0;  // before them: computed, so that the model is warm, not written
    guint64 run_out = 0;       // frames after them, for the same: the last ones look ahead
    guint64 frames = 0;        // that the window is expected to hold
    bool at_cut = false;       // it begins with a scene, and so without anything before
};

// Cuts the video into parts of about options.part seconds: at a scene cut where there is one near
// such a border, and such that elsewhere chunks begin at the frames at which they would in one
// run. There is at least one part. Reads all of the input's packets, and decodes around the
// borders. Throws Failure (kInput).
std::vector<PartSpan> plan_parts(const Options& options, const Source& source, const Media& media);

}  // namespace upscale
