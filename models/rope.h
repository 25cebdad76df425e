// SPDX-License-Identifier: Apache-2.0
// Rotary position embedding over (time, row, column) (docs/model.md section 4.3).
#pragma once

#include <ATen/ATen.h>

#include "models/placement.h"
#include "models/window.h"

namespace flashvsr {

// Angles are computed in double precision for any position, so a stream may run for years where
// the reference's table ends after 1024 latent frames (docs/model.md section 3.3).
class Rope {
  public:
    Rope(const WindowGrid& grid, const Placement& placement);

    // cos and sin for `slices` slices that start at latent frame `first_latent` of the stream, in
    // window order: [slices * tokens, 64, 2], fp32. The 64 pairs are 22 of time, 21 of row, 21 of
    // column.
    at::Tensor table(int64_t first_latent, int64_t slices) const;

  private:
    WindowGrid grid_;
    at::Tensor space_;  // [windows, 2, 64, 42, 2]: row and column part, equal for every slice
};

// [count, pairs, 2]: cos and sin of position * 10000^(-j / pairs), j = 0..pairs-1, for positions
// first, first + 1, ...; fp32 on the CPU.
at::Tensor rope_angles(int64_t first, int64_t count, int64_t pairs);

}  // namespace flashvsr
