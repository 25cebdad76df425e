#pragma once

#include <ATen/ATen.h>

#include <string>

#include "core/engine.h"
#include "models/error.h"
#include "models/placement.h"

namespace flashvsr::testing {

// The type that a --precision option names. Throws kInvalidArgument.
inline at::ScalarType dtype_of(const std::string& precision) {
    if (precision == "fp32") return at::kFloat;
    if (precision == "bf16") return at::kBFloat16;
    if (precision == "fp16") return at::kHalf;
    throw Error(Error::Kind::kInvalidArgument, "unknown precision " + precision);
}

// Where and how the --device and --precision options say. Throws Error.
inline Placement placement_of(const std::string& device, const std::string& precision) {
    return {parse_device(device), dtype_of(precision)};
}

}  // namespace flashvsr::testing
