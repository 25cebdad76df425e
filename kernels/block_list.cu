// SPDX-License-Identifier: Apache-2.0
#include "kernels/block_list.h"
#include "kernels/cuda_check.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {
namespace {

constexpr int kRowsPerBlock = 4;

// A warp per row: each step votes on 32 columns, and a set column goes where the votes below it
// say.
__global__ void block_list_kernel(BlockList params) {
    const int row = blockIdx.x * kRowsPerBlock + threadIdx.y;
    if (row >= params.rows) return;
    const int lane = threadIdx.x;
    const bool* mask = params.mask + int64_t{row} * params.columns;
    int32_t* index = params.block_index + int64_t{row} * params.columns;
    int32_t count = 0;
    for (int base = 0; base < params.columns; base += kWarpSize) {
        const int column = base + lane;
        const bool set = column < params.columns && mask[column];
        const unsigned votes = __ballot_sync(kAllLanes, set);
        if (set) index[count + __popc(votes & ((1u << lane) - 1))] = column;
        count += __popc(votes);
    }
    if (lane == 0) params.block_count[row] = count;
}

}  // namespace

void block_list_cuda(const BlockList& params, CudaStream stream) {
    if (params.rows == 0) return;
    const int blocks = (params.rows + kRowsPerBlock - 1) / kRowsPerBlock;
    block_list_kernel<<<blocks, dim3(kWarpSize, kRowsPerBlock), 0, stream>>>(params);
    FLASHVSR_CUDA_CHECK_LAUNCH(block_list_kernel);
}

}  // namespace flashvsr::kernels
