// Colour correction of decoded frames against the resized input (spec/flashvsr.md section 11).
#pragma once

#include <ATen/ATen.h>

namespace flashvsr {

enum class ColorFix { kNone, kAdain, kWavelet };

// frames, reference: [F, 3, H, W] in [-1, 1], without padding: border pixels that are not part of
// the picture would shift the statistics. Returns the corrected frames, clipped to [-1, 1];
// kNone returns them as they are, not clipped, as the reference does.
at::Tensor fix_color(const at::Tensor& frames, const at::Tensor& reference, ColorFix method);

}  // namespace flashvsr
