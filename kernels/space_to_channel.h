// SPDX-License-Identifier: Apache-2.0
// Frames to what the projector's first convolution reads (docs/model.md section 5.1, step 1).
#pragma once

#include <cstdint>

#include "kernels/element_type.h"
#include "kernels/stream.h"
#include "kernels/temporal_im2col.h"

namespace flashvsr::kernels {

inline constexpr int kTokenSide = 16;  // pixels
inline constexpr int kTokenChannels = 3 * kTokenSide * kTokenSide;

// Channel c * 256 + dy * 16 + dx of a token is pixel (16 y + dy, 16 x + dx) of plane c.
struct SpaceToChannel {
    const void* frames = nullptr;  // [frame_count, 3, 16 height, 16 width]
    TemporalIm2col stack;          // of 768 channels
    int64_t frame_count = 0;
    int height = 0;  // tokens
    int width = 0;
    ElementType type = ElementType::kFloat32;
};

// On CUDA pointers are aligned to 16 bytes.
void space_to_channel_cpu(const SpaceToChannel& params);
void space_to_channel_cuda(const SpaceToChannel& params, CudaStream stream);

}  // namespace flashvsr::kernels
