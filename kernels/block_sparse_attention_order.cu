#include "kernels/block_sparse_attention_device.h"
#include "kernels/cuda_check.h"

namespace flashvsr::kernels {
namespace {

constexpr int kThreads = 128;

// A thread per row counts the rows that start before its own: longer ones, and equal ones of a
// lower index. Quadratic, and still short beside the attention of as many rows.
__global__ void order_kernel(const int32_t* counts, int rows, int32_t* order) {
    const int row = blockIdx.x * kThreads + threadIdx.x;
    if (row >= rows) return;
    const int32_t count = counts[row];
    int rank = 0;
    for (int other = 0; other < rows; ++other) {
        rank += counts[other] > count || (counts[other] == count && other < row);
    }
    order[rank] = row;
}

}  // namespace

void order_attention_rows(const BlockSparseAttention& params, CudaStream stream) {
    if (!params.order) return;
    const int rows = params.heads * params.query_windows;
    order_kernel<<<(rows + kThreads - 1) / kThreads, kThreads, 0, stream>>>(params.block_count,
                                                                            rows, params.order);
    FLASHVSR_CUDA_CHECK_LAUNCH(order_kernel);
}

}  // namespace flashvsr::kernels
