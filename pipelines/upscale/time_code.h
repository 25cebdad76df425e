// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipelines/upscale/libav.h"
#include "pipelines/upscale/report.h"

namespace upscale {

// Gives the first stream of the output the time code ("01:00:00:00") that the input has, be it a
// tag of its video, of the file or of a track of its own.
// start: the video's time that is written first, in nanoseconds; the time code goes on to there.
// double_rate: two frames are written for each.
void copy_time_code(const AVFormatContext* input, const AVStream* video, int64_t start,
                    bool double_rate, AVFormatContext* output, Report* report);

}  // namespace upscale
