// SPDX-License-Identifier: Apache-2.0
// Frames to latents, for fitting what stands between two VAEs; nothing that streams needs it.
#pragma once

#include <ATen/ATen.h>

namespace flashvsr {

class Encoder {
  public:
    virtual ~Encoder() = default;

    // frames: a whole clip, [4 f - 3, 3, H, W] in [-1, 1]. Returns [C, f, H / s, W / s], what the
    // decoder of the same file takes.
    virtual at::Tensor encode(const at::Tensor& frames) const = 0;
};

}  // namespace flashvsr
