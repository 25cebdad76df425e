// SPDX-License-Identifier: Apache-2.0
// Every CUDA call and every launch is checked on the spot.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "kernels/cuda_error.h"

namespace flashvsr::kernels {

inline void cuda_check(cudaError_t status, const char* expression, const char* file, int line) {
    if (status == cudaSuccess) return;
    throw CudaError(std::string(expression) + " failed: " + cudaGetErrorString(status) + " (" +
                    cudaGetErrorName(status) + ") at " + file + ":" + std::to_string(line));
}

}  // namespace flashvsr::kernels

#define FLASHVSR_CUDA_CHECK(expression) \
    ::flashvsr::kernels::cuda_check((expression), #expression, __FILE__, __LINE__)

// After a launch, with the kernel's name.
#define FLASHVSR_CUDA_CHECK_LAUNCH(kernel) \
    ::flashvsr::kernels::cuda_check(cudaGetLastError(), #kernel " launch", __FILE__, __LINE__)
