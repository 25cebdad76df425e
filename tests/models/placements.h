// SPDX-License-Identifier: Apache-2.0
// Where fused modules are tested: in fp32 on the CPU, whose kernels are plain references, and in 16
// bits on the GPU of a machine that has one.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "models/placement.h"

namespace flashvsr::testing {

inline std::vector<Placement> fused_placements() {
    std::vector<Placement> placements = {Placement{}};
    if (at::hasCUDA())
        for (const at::ScalarType type : {at::kHalf, at::kBFloat16})
            placements.push_back({at::Device(at::kCUDA, 0), type});
    return placements;
}

// Relative L2 that a network's roundings in this type may cost beside fp32.
inline double tolerance(const Placement& placement) {
    switch (placement.dtype) {
        case at::kHalf: return 2.5e-3;
        case at::kBFloat16: return 2e-2;
        default: return 1e-5;
    }
}

}  // namespace flashvsr::testing
