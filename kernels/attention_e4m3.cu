// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention_e4m3.h"
#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kVector = 8;

__device__ uint32_t pack4(float a, float b, float c, float d) {
    const uint32_t low = __nv_cvt_float2_to_fp8x2({a, b}, __NV_SATFINITE, __NV_E4M3);
    const uint32_t high = __nv_cvt_float2_to_fp8x2({c, d}, __NV_SATFINITE, __NV_E4M3);
    return low | high << 16;
}

// 128 rows of 128 elements, eight a thread at a time.
template <typename T>
__device__ void store_rows(const T* from, uint8_t* to, int64_t row_stride, float inverse) {
    constexpr int kVectors = kHeadDim / kVector;
    for (int i = threadIdx.x; i < kWindowTokens * kVectors; i += kThreads) {
        const int64_t at = i / kVectors * row_stride + i % kVectors * kVector;
        float x[kVector];
        load8(from + at, x);
        for (float& value : x) value *= inverse;
        *reinterpret_cast<uint2*>(to + at) = {pack4(x[0], x[1], x[2], x[3]),
                                              pack4(x[4], x[5], x[6], x[7])};
    }
}

// One (window, head). Four neighbours in a stored row of values are tokens t, t + 1, t + 8 and
// t + 9, so a lane turns four times eight elements into eight words, and a warp eight whole rows.
template <typename T>
__global__ void __launch_bounds__(kThreads) attention_e4m3_kernel(AttentionE4m3 params) {
    __shared__ __align__(16) uint32_t values[kHeadDim][kWindowTokens / 4];
    const int64_t row_stride = int64_t{params.heads} * kHeadDim;
    const int64_t window = blockIdx.x / params.heads;
    const int64_t head = blockIdx.x % params.heads;
    const int64_t first = window * kWindowTokens * row_stride + head * kHeadDim;
    if (params.q)
        store_rows(static_cast<const T*>(params.q) + first,
                   static_cast<uint8_t*>(params.q_e4m3) + first, row_stride, 1.0f / params.q_scale);
    if (params.k)
        store_rows(static_cast<const T*>(params.k) + first,
                   static_cast<uint8_t*>(params.k_e4m3) + first, row_stride, 1.0f / params.k_scale);

    const T* v = static_cast<const T*>(params.v) + first;
    const float inverse = 1.0f / params.v_scale;
    const int lane = threadIdx.x % kWarpSize;
    const int token = lane / 4 * 16 + lane % 4 * 2;
    for (int d = threadIdx.x / kWarpSize * kVector; d < kHeadDim;
         d += kThreads / kWarpSize * kVector) {
        constexpr int kTokens[4] = {0, 1, 8, 9};
        float x[4][kVector];
        for (int i = 0; i < 4; ++i) load8(v + (token + kTokens[i]) * row_stride + d, x[i]);
        for (int i = 0; i < kVector; ++i) {
            values[d + i][lane] =
                pack4(x[0][i] * inverse, x[1][i] * inverse, x[2][i] * inverse, x[3][i] * inverse);
        }
    }
    __syncthreads();
    uint4* out = reinterpret_cast<uint4*>(static_cast<uint8_t*>(params.v_e4m3) +
                                          int64_t{blockIdx.x} * kHeadDim * kWindowTokens);
    const uint4* in = reinterpret_cast<const uint4*>(values);
    for (int i = threadIdx.x; i < kHeadDim * kWindowTokens / 16; i += kThreads) out[i] = in[i];
}

}  // namespace

void attention_e4m3_cuda(const AttentionE4m3& params, CudaStream stream) {
    if (params.windows == 0 || params.heads == 0) return;
    with_device_type(params.type, [&](auto tag) {
        attention_e4m3_kernel<decltype(tag)>
            <<<static_cast<unsigned>(params.windows) * params.heads, kThreads, 0, stream>>>(params);
        FLASHVSR_CUDA_CHECK_LAUNCH(attention_e4m3_kernel);
    });
}

}  // namespace flashvsr::kernels
