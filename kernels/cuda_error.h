// SPDX-License-Identifier: Apache-2.0
// What a failed CUDA call or kernel launch throws. Free of CUDA's headers, so anyone can catch it.
#pragma once

#include <stdexcept>
#include <string>

namespace flashvsr::kernels {

class CudaError : public std::runtime_error {
  public:
    explicit CudaError(const std::string& message) : std::runtime_error(message) {}
};

}  // namespace flashvsr::kernels
