// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipelines/cli/exit_code.h"

namespace upscale {

using pipelines::ExitCode;
using pipelines::Failure;

}  // namespace upscale
