// SPDX-License-Identifier: Apache-2.0
// What the decoder's first convolution reads (docs/model.md section 8): each cell of 8 x 8
// pixels of four frames as 768 channels, then the cell's latents, all through 3 * tanh(x / 3).
#pragma once

#include <cstdint>

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

inline constexpr int kDecoderCell = 8;    // pixels per latent, on each side
inline constexpr int kDecoderFrames = 4;  // frames per latent frame
inline constexpr int kDecoderCellChannels = 3 * kDecoderFrames * kDecoderCell * kDecoderCell;

// Channel ((c * 4 + dt) * 8 + dy) * 8 + dx of latent frame i is pixel (8 y + dy, 8 x + dx) of frame
// 4 i + dt - lead, the first frame standing for those before it. fp32 inside, rounded once.
struct DecoderInput {
    const void* frames = nullptr;   // [frame_count, 3, 8 height, 8 width]
    const void* latents = nullptr;  // [latent_channels][latent_frames][height, width]
    int64_t latent_stride = 0;      // elements between the latent channels
    void* out = nullptr;            // [latent_frames, height, width, 768 + latent_channels]
    int64_t latent_frames = 0;
    int latent_channels = 16;  // a multiple of 8
    int height = 0;            // cells
    int width = 0;
    int lead = 0;  // frames that the first latent frame lacks: 3 at the start of a stream, else 0
    ElementType type = ElementType::kFloat32;
};

// frame_count is 4 * latent_frames - lead. On CUDA pointers are aligned to 16 bytes.
void decoder_input_cpu(const DecoderInput& params);
void decoder_input_cuda(const DecoderInput& params, CudaStream stream);

}  // namespace flashvsr::kernels
