// SPDX-License-Identifier: Apache-2.0
// Number formats by name, and what each means on a device; which kernels run there.
#pragma once

#include <string>

#include "core/flashvsr.h"
#include "models/placement.h"

namespace flashvsr {

// FLASHVSR_PRECISION_AUTO is fp32 on the CPU and bf16 on CUDA. Throws kBadSettings where the device
// lacks the format, kInvalidArgument for a value that is none.
Placement placement_of(const at::Device& device, FlashvsrPrecision precision);

// "fp32", "bf16", "fp16", "fp8-linears" or "fp8"; parse also takes "auto" and throws
// kInvalidArgument for anything else.
const char* precision_name(const Placement& placement);
FlashvsrPrecision parse_precision(const std::string& name);

// "attention=wgmma, convolution=wgmma, ...": which variant of each kernel runs on a GPU; "" for the
// CPU, which has one of each.
std::string kernels_of(const at::Device& device);

}  // namespace flashvsr
