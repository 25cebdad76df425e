// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipelines/upscale/options.h"

namespace upscale {

// Prints the models in the places where the element looks, and what is missing of each.
void list_models();

// Has flashvsr-convert, which knows the files' formats, repack a model; does not return. Throws
// Failure: kUsage without -o, kMissing where the program is not installed.
[[noreturn]] void convert_model(const Options& options);

}  // namespace upscale
