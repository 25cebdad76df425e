// SPDX-License-Identifier: Apache-2.0
// AdaIN's statistics: what makes decoded frames agree in colour with the resized input
// (docs/model.md section 11).
#pragma once

#include <cstdint>

#include "kernels/frame.h"

namespace flashvsr::kernels {

inline constexpr double kColorVarianceFloor = 1e-5;

// For each frame and channel, with x = decoded * 2 - 1 and s = reference over the picture without
// its padding, and sd = sqrt(population variance + kColorVarianceFloor):
//     gain = sd(s) / sd(x), offset = mean(s) - mean(x) * gain
struct ColorStats {
    ModelPlanes decoded;    // [frames * 3, ., .], nominally in [0, 1]
    ModelPlanes reference;  // [frames * 3, ., .] in [-1, 1]
    int frames = 0;
    int height = 0;  // of the picture, at the top left
    int width = 0;
    double* scratch = nullptr;  // color_stats_scratch(frames) elements; the CPU needs none
    float* affine = nullptr;    // [frames, 3, 2]: gain, offset
    ElementType type = ElementType::kFloat32;  // of decoded and reference
};
void color_stats_cpu(const ColorStats& params);
// Sums in an order that depends on the picture's size alone: equal from run to run.
void color_stats_cuda(const ColorStats& params, CudaStream stream);

// A sum and a sum of squares for each stripe of rows of each plane.
inline constexpr int kColorStripes = 32;
constexpr int64_t color_stats_scratch(int64_t frames) { return frames * 3 * 2 * kColorStripes * 2; }

}  // namespace flashvsr::kernels
