// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace upscale {

// The words of a command line, those of --config FILE in front: a line of the file is an option
// without its dashes, "scale = 4" or "overwrite"; "#" begins a comment. What is typed comes later
// and so wins. Throws Failure (kUsage).
std::vector<std::string> expand_arguments(int argc, char** argv);

// "90", "1:30" and "0:01:30.5" in nanoseconds. Throws Failure (kUsage) naming the option.
unsigned long long parse_time(const std::string& option, const std::string& text);

}  // namespace upscale
