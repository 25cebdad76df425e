// SPDX-License-Identifier: Apache-2.0
// What the block-sparse attention kernels share. Only for .cu files.
#pragma once

#include <cstdint>

#include "kernels/block_sparse_attention.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {

// log2(e) / sqrt(128): turns scores into exponents of two.
inline constexpr float kScoreToExponent = 1.4426950408889634f * 0.08838834764831845f;

// A row of scores or results is shared by four neighbouring lanes, as tensor cores have it.
__device__ inline float row_max(float value) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, 1));
    return fmaxf(value, __shfl_xor_sync(kAllLanes, value, 2));
}
__device__ inline float row_sum(float value) {
    value += __shfl_xor_sync(kAllLanes, value, 1);
    return value + __shfl_xor_sync(kAllLanes, value, 2);
}

// One (head, query window) and its list.
struct AttentionRow {
    int head;
    int window;
    int count;
    const int32_t* list;
};

// The row that starts as number `rank`.
__device__ inline AttentionRow attention_row(const BlockSparseAttention& params, int rank) {
    const int row = params.order ? params.order[rank] : rank;
    return {row / params.query_windows, row % params.query_windows, params.block_count[row],
            params.block_index + int64_t{row} * params.key_windows};
}

// Fills params.order, where given: short rows start last.
void order_attention_rows(const BlockSparseAttention& params, CudaStream stream);

// fp32 on the CUDA cores, for checking rather than for speed.
void block_sparse_attention_fp32(const BlockSparseAttention& params, CudaStream stream);

}  // namespace flashvsr::kernels
