#ifndef FLASHVSR_PIPELINES_UPSCALE_EXIT_CODE_H_
#define FLASHVSR_PIPELINES_UPSCALE_EXIT_CODE_H_

#include "pipelines/cli/exit_code.h"

namespace upscale {

using pipelines::ExitCode;
using pipelines::Failure;

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_EXIT_CODE_H_
