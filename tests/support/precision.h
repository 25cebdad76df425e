// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/engine.h"
#include "core/precision.h"

namespace flashvsr::testing {

// Where and how the --device and --precision options say. Throws Error.
inline Placement placement_of(const std::string& device, const std::string& precision) {
    return flashvsr::placement_of(parse_device(device), parse_precision(precision));
}

}  // namespace flashvsr::testing
