#pragma once

#include <ATen/ATen.h>

#include <string>

#include "models/error.h"

namespace flashvsr::testing {

// The type that a --precision option names. Throws kInvalidArgument.
inline at::ScalarType dtype_of(const std::string& precision) {
    if (precision == "fp32") return at::kFloat;
    if (precision == "bf16") return at::kBFloat16;
    if (precision == "fp16") return at::kHalf;
    throw Error(Error::Kind::kInvalidArgument, "unknown precision " + precision);
}

}  // namespace flashvsr::testing
