// SPDX-License-Identifier: Apache-2.0
// Thread block clusters where the card has them: blocks that run side by side, synchronise and read
// each other's shared memory. Code compiled for cards before sm_90 sees clusters of one block. Only
// for .cu files.
#pragma once

#include <cooperative_groups.h>
#include <cuda_runtime_api.h>

#include "kernels/cuda_check.h"
#include "kernels/device.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

// The blocks of a cluster, from inside a kernel.
struct Cluster {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
    static constexpr bool kAvailable = true;
    __device__ static int size() { return cooperative_groups::this_cluster().num_blocks(); }
    __device__ static int rank() { return cooperative_groups::this_cluster().block_rank(); }
    __device__ static void sync() { cooperative_groups::this_cluster().sync(); }
    // The same shared variable in the block of that rank.
    template <typename T>
    __device__ static const T* shared_of(const T* variable, int rank) {
        return cooperative_groups::this_cluster().map_shared_rank(const_cast<T*>(variable), rank);
    }
#else
    static constexpr bool kAvailable = false;
    __device__ static int size() { return 1; }
    __device__ static int rank() { return 0; }
    __device__ static void sync() { __syncthreads(); }
    template <typename T>
    __device__ static const T* shared_of(const T* variable, int) {
        return variable;
    }
#endif
};

// Whether the current device has clusters and the code of `kernel` that runs on it was compiled for
// them.
template <typename Kernel>
bool has_clusters(Kernel* kernel) {
    if (!current_cuda_device().clusters) return false;
    cudaFuncAttributes attributes;
    FLASHVSR_CUDA_CHECK(cudaFuncGetAttributes(&attributes, kernel));
    return attributes.ptxVersion >= 90;
}

// Launches `blocks` blocks in clusters of `cluster`, with `shared` bytes of dynamic shared memory.
template <typename Kernel, typename... Args>
void launch_clusters(Kernel* kernel, int blocks, int cluster, int threads, size_t shared,
                     CudaStream stream, const Args&... args) {
    FLASHVSR_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                             static_cast<int>(shared)));
    cudaLaunchAttribute attribute;
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = cluster;
    attribute.val.clusterDim.y = 1;
    attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = cluster > 1 ? 1 : 0;
    FLASHVSR_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, args...));
}

}  // namespace flashvsr::kernels
