// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/options.h"

namespace upscale {

// Upscales every input. With more than one, a failure is said and the next begins; a summary comes
// last. Throws Failure where the only input fails.
ExitCode run_all(Options options);

}  // namespace upscale
