// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipelines/upscale/libav.h"
#include "pipelines/upscale/report.h"

namespace upscale {

// Takes away what describes the file or the track that was, not what is in it.
void drop_stale_tags(AVDictionary** tags);

// Gives the languages and tags of an output, whose streams are all there, a form that its muxer
// keeps, and reports those that it does not keep.
void fit_tags(AVFormatContext* output, Report* report);

}  // namespace upscale
