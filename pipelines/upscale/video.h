#ifndef FLASHVSR_PIPELINES_UPSCALE_VIDEO_H_
#define FLASHVSR_PIPELINES_UPSCALE_VIDEO_H_

#include <string>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/job.h"
#include "pipelines/upscale/options.h"

namespace upscale {

/// Upscales one input from opening it to the final name of its output, or says what would be done.
/// Throws Failure.
JobResult upscale_video(const Options& options, const std::string& input);

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_VIDEO_H_
