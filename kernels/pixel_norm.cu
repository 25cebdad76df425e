// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/cuda_check.h"
#include "kernels/device.h"
#include "kernels/device_element.h"
#include "kernels/pixel_norm.h"
#include "kernels/require.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {
namespace {

constexpr int kVector = 8;  // channels that a thread loads at once
constexpr int kThreads = 256;
constexpr int kBlocksPerMultiprocessor = 8;

template <typename T>
__device__ float silu(float v) {
    if constexpr (sizeof(T) == 4) return v / (1.0f + expf(-v));
    return __fdividef(v, 1.0f + __expf(-v));  // good to more bits than T has
}

// kLanes threads share a pixel, each with kVectors vectors of its channels; a warp has pixels that
// follow each other. Several of them are loaded before the first is used.
template <typename T, int kLanes, int kVectors>
__global__ void __launch_bounds__(kThreads) pixel_norm_kernel(PixelNorm p) {
    constexpr int kPixels = kWarpSize / kLanes;  // of a warp
    constexpr int kAtOnce = kVectors == 1 ? 4 : kVectors == 2 ? 2 : 1;
    const int lane = threadIdx.x % kLanes;
    const int64_t warps = int64_t{gridDim.x} * (kThreads / kWarpSize);
    const int64_t warp = int64_t{blockIdx.x} * (kThreads / kWarpSize) + warp_index();
    const int in_warp = threadIdx.x % kWarpSize / kLanes;
    const T* x = static_cast<const T*>(p.x);
    T* y = static_cast<T*>(p.y);

    float gamma[kVectors][kVector] = {};
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
        const int channel = (i * kLanes + lane) * kVector;
        if (channel < p.channels) load8(static_cast<const T*>(p.gamma) + channel, gamma[i]);
    }
    const float root = sqrtf(static_cast<float>(p.channels));

    for (int64_t first = warp * kPixels; first < p.pixels; first += warps * kPixels * kAtOnce) {
        float v[kAtOnce][kVectors][kVector] = {};
        const auto pixel_of = [&](int k) { return first + k * warps * kPixels + in_warp; };
#pragma unroll
        for (int k = 0; k < kAtOnce; ++k) {
#pragma unroll
            for (int i = 0; i < kVectors; ++i) {
                const int channel = (i * kLanes + lane) * kVector;
                if (channel < p.channels && pixel_of(k) < p.pixels) {
                    load8(x + pixel_of(k) * p.channels + channel, v[k][i]);
                }
            }
        }
#pragma unroll
        for (int k = 0; k < kAtOnce; ++k) {
            float squares = 0;
#pragma unroll
            for (int i = 0; i < kVectors; ++i) {
#pragma unroll
                for (int c = 0; c < kVector; ++c) squares += v[k][i][c] * v[k][i][c];
            }
            squares = warp_sum<kLanes>(squares);
            const float scale = root / fmaxf(sqrtf(squares), 1e-12f);
#pragma unroll
            for (int i = 0; i < kVectors; ++i) {
                const int channel = (i * kLanes + lane) * kVector;
#pragma unroll
                for (int c = 0; c < kVector; ++c) {
                    const float normed = v[k][i][c] * scale * gamma[i][c];
                    v[k][i][c] = p.silu ? silu<T>(normed) : normed;
                }
                if (channel < p.channels && pixel_of(k) < p.pixels) {
                    store8(v[k][i], y + pixel_of(k) * p.channels + channel);
                }
            }
        }
    }
}

template <typename T, int kLanes, int kVectors>
void launch(const PixelNorm& p, CudaStream stream) {
    const int64_t room = int64_t{current_cuda_device().multiprocessors} * kBlocksPerMultiprocessor;
    constexpr int kPixels = kThreads / kLanes;  // of a block, at once
    const auto blocks =
        static_cast<unsigned>(std::min<int64_t>((p.pixels + kPixels - 1) / kPixels, room));
    pixel_norm_kernel<T, kLanes, kVectors><<<blocks, kThreads, 0, stream>>>(p);
    FLASHVSR_CUDA_CHECK_LAUNCH(pixel_norm_kernel);
}

template <typename T>
void launch_type(const PixelNorm& p, CudaStream stream) {
    const int vectors = p.channels / kVector;
    if (vectors <= 4) return launch<T, 4, 1>(p, stream);
    if (vectors <= 8) return launch<T, 8, 1>(p, stream);
    if (vectors <= 16) return launch<T, 16, 1>(p, stream);
    if (vectors <= 32) return launch<T, 32, 1>(p, stream);
    if (vectors <= 64) return launch<T, 32, 2>(p, stream);
    launch<T, 32, 4>(p, stream);
}

}  // namespace

void pixel_norm_cuda(const PixelNorm& p, CudaStream stream) {
    require(p.channels > 0 && p.channels % kVector == 0 && p.channels <= 4 * kWarpSize * kVector,
            "pixel_norm takes at most 1024 channels, a number that 8 divides");
    if (p.pixels == 0) return;
    with_device_type(p.type, [&](auto tag) { launch_type<decltype(tag)>(p, stream); });
}

}  // namespace flashvsr::kernels
