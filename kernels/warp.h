// SPDX-License-Identifier: Apache-2.0
// Lanes and warps of a block. Only for .cu files.
#pragma once

namespace flashvsr::kernels {

inline constexpr int kWarpSize = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

// Where this thread is in a block whose threads are counted by x alone.
__device__ inline int lane_index() { return threadIdx.x % kWarpSize; }
__device__ inline int warp_index() { return threadIdx.x / kWarpSize; }

// Over groups of kLanes neighbours, a power of two: the same in each of them, in an order that
// depends on nothing but kLanes. All lanes of a warp take part.
template <int kLanes = kWarpSize>
__device__ float warp_sum(float value) {
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset /= 2) {
        value += __shfl_xor_sync(kAllLanes, value, offset);
    }
    return value;
}
template <int kLanes = kWarpSize>
__device__ float warp_max(float value) {
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset /= 2) {
        value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, offset));
    }
    return value;
}

}  // namespace flashvsr::kernels
