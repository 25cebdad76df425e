// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda_check.h"
#include "kernels/decoder_input.h"
#include "kernels/device_element.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

constexpr int kVector = 8;         // channels of a thread: one row of a cell, or eight latents
constexpr int kCellsPerBlock = 4;  // in x
constexpr int kThreads = 384;      // a warp is 4 cells x 8 rows: 64 bytes in a row of a frame, 128
                                   // of a cell's channels

__device__ float soft_clamp(float x) { return 3.0f * tanhf(x / 3.0f); }

template <typename T>
__device__ void load_pixels(const DecoderInput& p, int64_t i, int y, int x, int vector,
                            float (&v)[kVector]) {
    const int dy = vector % kDecoderCell;
    const int dt = vector / kDecoderCell % kDecoderFrames;
    const int c = vector / (kDecoderCell * kDecoderFrames);
    const int64_t shifted = i * kDecoderFrames + dt - p.lead;
    const int64_t frame = shifted < 0 ? 0 : shifted;
    const int64_t row = (frame * 3 + c) * p.height * kDecoderCell + y * kDecoderCell + dy;
    load8(static_cast<const T*>(p.frames) + (row * p.width + x) * kDecoderCell, v);
}

template <typename T>
__device__ void load_latents(const DecoderInput& p, int64_t i, int y, int x, int first,
                             float (&v)[kVector]) {
    const T* latent = static_cast<const T*>(p.latents) + (i * p.height + y) * p.width + x;
    for (int c = 0; c < kVector; ++c) v[c] = to_float(latent[(first + c) * p.latent_stride]);
}

// A block makes four cells of a row.
template <typename T>
__global__ void __launch_bounds__(kThreads) decoder_input_kernel(DecoderInput p) {
    const int channels = kDecoderCellChannels + p.latent_channels;
    const int x = blockIdx.x * kCellsPerBlock + threadIdx.x / kDecoderCell % kCellsPerBlock;
    const int y = blockIdx.y;
    const int64_t i = blockIdx.z;
    if (x >= p.width) return;
    T* out = static_cast<T*>(p.out) + ((i * p.height + y) * p.width + x) * channels;
    const int step = kThreads / kCellsPerBlock;
    const int first =
        threadIdx.x / (kDecoderCell * kCellsPerBlock) * kDecoderCell + threadIdx.x % kDecoderCell;
    for (int vector = first; vector * kVector < channels; vector += step) {
        float v[kVector];
        const int channel = vector * kVector;
        if (channel < kDecoderCellChannels) {
            load_pixels<T>(p, i, y, x, vector, v);
        } else {
            load_latents<T>(p, i, y, x, channel - kDecoderCellChannels, v);
        }
        for (float& value : v) value = soft_clamp(value);
        store8(v, out + channel);
    }
}

}  // namespace

void decoder_input_cuda(const DecoderInput& params, CudaStream stream) {
    require(params.latent_channels % kVector == 0,
            "decoder_input takes a multiple of 8 latent channels");
    if (params.latent_frames == 0) return;
    const dim3 blocks((params.width + kCellsPerBlock - 1) / kCellsPerBlock, params.height,
                      static_cast<unsigned>(params.latent_frames));
    with_device_type(params.type, [&](auto tag) {
        decoder_input_kernel<decltype(tag)><<<blocks, kThreads, 0, stream>>>(params);
        FLASHVSR_CUDA_CHECK_LAUNCH(decoder_input_kernel);
    });
}

}  // namespace flashvsr::kernels
