// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/kv_int8.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {
namespace {

// A block takes a window of a head, a thread sixteen neighbours of it at a time: 16 bytes in int8.
constexpr int kThreads = 256;
constexpr int kRun = 16;
constexpr int kRunsPerRow = kHeadDim / kRun;
constexpr int kRounds = kWindowTokens * kRunsPerRow / kThreads;
static_assert(kRounds * kThreads == kWindowTokens * kRunsPerRow);

// Where the thread's run of a round begins.
__device__ int64_t run_begin(int heads, int round) {
    const int64_t window = blockIdx.x / heads;
    const int64_t head = blockIdx.x % heads;
    const int run = round * kThreads + threadIdx.x;
    const int64_t row = window * kWindowTokens + run / kRunsPerRow;
    return (row * heads + head) * kHeadDim + run % kRunsPerRow * kRun;
}

template <typename T>
__device__ void load16(const T* from, float (&to)[kRun]) {
    load8(from, reinterpret_cast<float(&)[8]>(to[0]));
    load8(from + 8, reinterpret_cast<float(&)[8]>(to[8]));
}

__device__ float block_max(float value) {
    __shared__ float warps[kThreads / kWarpSize];
    value = warp_max(value);
    if (lane_index() == 0) warps[warp_index()] = value;
    __syncthreads();
    for (const float other : warps) value = fmaxf(value, other);
    return value;
}

template <typename T>
__global__ void __launch_bounds__(kThreads) quantize_kv_kernel(QuantizeKv params) {
    const T* x = static_cast<const T*>(params.x);
    float values[kRounds][kRun];
    float largest = 0;
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
        load16(x + run_begin(params.heads, round), values[round]);
        for (const float value : values[round]) largest = fmaxf(largest, fabsf(value));
    }
    largest = block_max(largest);
    const float inverse = kv_int8_inverse(largest);
    if (threadIdx.x == 0) params.scale[blockIdx.x] = kv_int8_scale(largest);
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
        alignas(16) int8_t rounded[kRun];
        for (int i = 0; i < kRun; ++i)
            rounded[i] = static_cast<int8_t>(__float2int_rn(values[round][i] * inverse));
        *reinterpret_cast<uint4*>(params.q + run_begin(params.heads, round)) =
            *reinterpret_cast<const uint4*>(rounded);
    }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) dequantize_kv_kernel(DequantizeKv params) {
    T* x = static_cast<T*>(params.x);
    const float scale = params.scale[blockIdx.x];
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
        const int64_t at = run_begin(params.heads, round);
        alignas(16) int8_t q[kRun];
        *reinterpret_cast<uint4*>(q) = *reinterpret_cast<const uint4*>(params.q + at);
        float values[2][8];
        for (int i = 0; i < kRun; ++i) values[i / 8][i % 8] = static_cast<float>(q[i]) * scale;
        store8(values[0], x + at);
        store8(values[1], x + at + 8);
    }
}

}  // namespace

void quantize_kv_cuda(const QuantizeKv& params, CudaStream stream) {
    const unsigned blocks = static_cast<unsigned>(params.windows) * params.heads;
    if (blocks == 0) return;
    with_device_type(params.type, [&](auto tag) {
        quantize_kv_kernel<decltype(tag)><<<blocks, kThreads, 0, stream>>>(params);
        FLASHVSR_CUDA_CHECK_LAUNCH(quantize_kv_kernel);
    });
}

void dequantize_kv_cuda(const DequantizeKv& params, CudaStream stream) {
    const unsigned blocks = static_cast<unsigned>(params.windows) * params.heads;
    if (blocks == 0) return;
    with_device_type(params.type, [&](auto tag) {
        dequantize_kv_kernel<decltype(tag)><<<blocks, kThreads, 0, stream>>>(params);
        FLASHVSR_CUDA_CHECK_LAUNCH(dequantize_kv_kernel);
    });
}

}  // namespace flashvsr::kernels
