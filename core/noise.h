// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include "models/placement.h"
#include "models/window.h"

namespace flashvsr {

// Standard normal noise for latent frames first_latent .. first_latent + count - 1 of a stream,
// [channels, count, H/8, W/8]. A value depends on the seed, its latent frame and its place in that
// frame only, and is the same on every device (kernels/noise.h).
at::Tensor make_noise(uint64_t seed, int64_t first_latent, int64_t count, int64_t channels,
                      const WindowGrid& grid, const Placement& placement);

}  // namespace flashvsr
