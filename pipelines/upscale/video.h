// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <glib.h>

#include <string>
#include <vector>

#include "pipelines/upscale/destination.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/options.h"
#include "pipelines/upscale/report.h"

namespace upscale {

struct VideoResult {
    bool interrupted = false;
    guint64 frames = 0;  // written
    std::vector<Loss> losses;
};

// Upscales one input from opening it to the final name of its output, or says what would be done.
// Throws Failure.
VideoResult upscale_video(const Options& options, Task* task);

}  // namespace upscale
