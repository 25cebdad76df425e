// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace upscale {

// A sum of a file's whole content, to find damage. Empty: it cannot be read.
std::string sum_of(const std::string& path);

// A file's size and a sum of its two ends: the same for a copy of it, and quick for a large one.
// Empty: it cannot be read.
std::string fingerprint_of(const std::string& path);

}  // namespace upscale
