// SPDX-License-Identifier: Apache-2.0
// The projector's norm and activation between a convolution and what reads it next
// (docs/model.md section 5.1, steps 3, 4, 6 and 7).
#pragma once

#include <cstdint>

#include "kernels/element_type.h"
#include "kernels/stream.h"
#include "kernels/temporal_im2col.h"

namespace flashvsr::kernels {

// y = silu(v / max(|v|, 1e-12) * sqrt(channels) * gamma), v = x + bias, |v| over the channels of
// one pixel. fp32 inside and rounded once; the reference rounds |v|, the quotient and both
// products.
struct ChannelNorm {
    const void* x = nullptr;      // [frames, height, width, channels]
    const void* bias = nullptr;   // [channels], of the convolution that made x
    const void* gamma = nullptr;  // [channels]
    Im2colShape shape;            // channels: a multiple of 8; on CUDA at most 8192
    // One of the two. tokens: [frames * height * width, channels] in window order
    // (models/window.h), height and width multiples of 8, frames of 2.
    TemporalIm2col stack;
    void* tokens = nullptr;
    ElementType type = ElementType::kFloat32;
};

// On CUDA pointers are aligned to 16 bytes.
void channel_norm_cpu(const ChannelNorm& params);
void channel_norm_cuda(const ChannelNorm& params, CudaStream stream);

// Row of a pixel in window order: windows of 2 frames x 8 x 8 pixels.
FLASHVSR_HOST_DEVICE inline int64_t window_row(const Im2colShape& shape, int64_t frame, int y,
                                               int x) {
    const int64_t window =
        (frame / 2 * (shape.height / 8) + y / 8) * int64_t{shape.width / 8} + x / 8;
    return ((window * 2 + frame % 2) * 8 + y % 8) * 8 + x % 8;
}

}  // namespace flashvsr::kernels
