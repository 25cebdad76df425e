// What the block-sparse attention kernels share. Only for .cu files.
#pragma once

#include <cstdint>

#include "kernels/block_sparse_attention.h"

namespace flashvsr::kernels {

// log2(e) / sqrt(128): turns scores into exponents of two.
inline constexpr float kScoreToExponent = 1.4426950408889634f * 0.08838834764831845f;

// The query window with the rank-th longest of a head's lists, equal ones in order of index. Heavy
// rows start first, so the last ones to finish are short. Called by the whole block.
__device__ inline int longest_window(const int32_t* counts, int windows, int rank) {
    __shared__ int chosen;
    for (int i = threadIdx.x; i < windows; i += blockDim.x) {
        const int32_t count = counts[i];
        int before = 0;
        for (int j = 0; j < windows; ++j) {
            before += counts[j] > count || (counts[j] == count && j < i);
        }
        if (before == rank) chosen = i;
    }
    __syncthreads();
    return chosen;
}

// fp32 on the CUDA cores, for checking rather than for speed. Device pointers.
void block_sparse_attention_fp32(const BlockSparseAttention& params, CudaStream stream);

}  // namespace flashvsr::kernels
