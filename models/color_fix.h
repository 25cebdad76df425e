// SPDX-License-Identifier: Apache-2.0
// Colour correction of decoded frames against the resized input (docs/model.md section 11).
#pragma once

#include <ATen/ATen.h>

namespace flashvsr {

enum class ColorFix { kNone, kAdain, kWavelet };

// Frames of a chunk and where the picture is in them. Pixels outside of it do not count: a border
// that is not part of the picture would shift the statistics.
struct DecodedFrames {
    at::Tensor decoded;    // [F, 3, H, W], nominally in [0, 1]
    at::Tensor reference;  // [F, 3, H, W] in [-1, 1]: the resized input
    int64_t height = 0;    // of the picture, at the top left
    int64_t width = 0;
};

// The two without padding, in fp32 and in [-1, 1]: half precision has fewer steps than a 10-bit
// picture.
at::Tensor picture_of(const DecodedFrames& frames);
at::Tensor reference_of(const DecodedFrames& frames);

// AdaIN as a gain and an offset: [F, 3, 2], fp32. gain * x + offset, clipped to [-1, 1], gives each
// channel of picture_of the reference's mean and deviation. `fused`: by a kernel, else by
// LibTorch's operations, which carry gradients.
at::Tensor adain_affine(const DecodedFrames& frames, bool fused);

// Both [F, 3, height, width] in [-1, 1]; returns `picture` with the low frequencies of `reference`,
// clipped.
at::Tensor wavelet_fix(const at::Tensor& picture, const at::Tensor& reference);

}  // namespace flashvsr
