// SPDX-License-Identifier: Apache-2.0
// GPUs that this process cannot use any more: after an illegal access, a trap, or the loss of the
// card, each call of CUDA's fails until the process ends. Other GPUs and the CPU are untouched.
#pragma once

#include <c10/core/Device.h>

#include <string>

namespace flashvsr {

// False where the device has been found lost; asks it, which waits for the work that is queued
// there.
bool is_working(const at::Device& device);

// Throws kernels::CudaError, with the first failure, where the device has been found lost.
void expect_working(const at::Device& device);

// What to tell of a failure of CUDA's that said `what`. Asks the device whether it is lost, which
// waits for the work that is queued there, and remembers it.
std::string explain_failure(const at::Device& device, const std::string& what);

}  // namespace flashvsr
