#pragma once

#include "pipelines/cli/exit_code.h"

namespace upscale {

using pipelines::ExitCode;
using pipelines::Failure;

}  // namespace upscale
