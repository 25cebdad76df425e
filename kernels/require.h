// SPDX-License-Identifier: Apache-2.0
// Checks of a kernel's parameters, made before anything is read or launched.
#pragma once

#include <stdexcept>
#include <string>

namespace flashvsr::kernels {

inline void require(bool condition, const char* what) {
    if (!condition) throw std::invalid_argument(std::string("kernel parameters: ") + what);
}

}  // namespace flashvsr::kernels
