// SPDX-License-Identifier: Apache-2.0
// What the parts of one steady chunk must do, and the time they may take on an H100.
#pragma once

#include <string>
#include <vector>

#include "models/dit.h"
#include "models/model.h"

namespace flashvsr::testing {

struct BudgetPart {
    std::string stage;     // as Stage names it
    double tflop = 0.0;    // of a steady chunk, 8 frames; 0 where bytes are what counts
    double bf16_ms = 0.0;  // targets on an H100
    double fp8_ms = 0.0;
};

// In the order of computing. Targets are those of 768x1408, scaled by the picture's area; for other
// shapes than the released one they say nothing.
std::vector<BudgetPart> budget(const ModelShape& shape, const DecoderType& decoder,
                               const WindowGrid& grid, const SparseSettings& settings);

}  // namespace flashvsr::testing
