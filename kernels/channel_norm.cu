// SPDX-License-Identifier: Apache-2.0
#include "kernels/channel_norm.h"
#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/require.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {
namespace {

constexpr int kVector = 8;  // channels of a thread
constexpr int kMaxThreads = 1024;

// Sum over the block, the same in every thread, in an order that depends on nothing but its size.
__device__ float block_sum(float value) {
    __shared__ float sums[kWarpSize];
    value = warp_sum(value);
    if (lane_index() == 0) sums[warp_index()] = value;
    __syncthreads();
    float sum = 0;
    for (int warp = 0; warp < blockDim.x / kWarpSize; ++warp) sum += sums[warp];
    return sum;
}

template <typename T>
__device__ void store_vector(const ChannelNorm& p, int64_t frame, int row, int column, int channel,
                             const float (&v)[kVector]) {
    if (p.tokens) {
        const int64_t token = window_row(p.shape, frame, row, column);
        store8(v, static_cast<T*>(p.tokens) + token * p.shape.channels + channel);
        return;
    }
    put_taps<T>(
        p.stack, p.shape, frame, row, column, channel, [&](T* to) { store8(v, to); },
        [](const T* from, T* to) {
            float old[kVector];
            load8(from, old);
            store8(old, to);
        });
}

// A block per pixel, its channels in registers: x is read once.
template <typename T>
__global__ void channel_norm_kernel(ChannelNorm p) {
    const int channels = p.shape.channels;
    const int channel = threadIdx.x * kVector;
    const bool active = channel < channels;
    const int column = blockIdx.x, row = blockIdx.y;
    const int64_t frame = blockIdx.z;
    const int64_t pixel = (frame * p.shape.height + row) * p.shape.width + column;

    float v[kVector] = {};
    float squares = 0;
    if (active) {
        float bias[kVector];
        load8(static_cast<const T*>(p.x) + pixel * channels + channel, v);
        load8(static_cast<const T*>(p.bias) + channel, bias);
        for (int i = 0; i < kVector; ++i) {
            v[i] += bias[i];
            squares += v[i] * v[i];
        }
    }
    const float length = fmaxf(sqrtf(block_sum(squares)), 1e-12f);
    if (!active) return;

    const float scale = sqrtf(static_cast<float>(channels)) / length;
    float gamma[kVector];
    load8(static_cast<const T*>(p.gamma) + channel, gamma);
    for (int i = 0; i < kVector; ++i) {
        v[i] = v[i] * scale * gamma[i];
        v[i] = v[i] / (1.0f + expf(-v[i]));
    }
    store_vector<T>(p, frame, row, column, channel, v);
}

}  // namespace

void channel_norm_cuda(const ChannelNorm& p, CudaStream stream) {
    require(p.shape.channels > 0 && p.shape.channels % kVector == 0 &&
                p.shape.channels <= kMaxThreads * kVector,
            "channel_norm takes at most 8192 channels, a number that 8 divides");
    if (p.shape.frames == 0) return;
    const int threads = (p.shape.channels / kVector + kWarpSize - 1) / kWarpSize * kWarpSize;
    const dim3 blocks(p.shape.width, p.shape.height, static_cast<unsigned>(p.shape.frames));
    with_device_type(p.type, [&](auto tag) {
        channel_norm_kernel<decltype(tag)><<<blocks, threads, 0, stream>>>(p);
        FLASHVSR_CUDA_CHECK_LAUNCH(channel_norm_kernel);
    });
}

}  // namespace flashvsr::kernels
