// SPDX-License-Identifier: Apache-2.0
#include "kernels/block_sparse_attention.h"

#include "kernels/block_sparse_attention_device.h"
#include "kernels/device.h"

namespace flashvsr::kernels {

void block_sparse_attention_cuda(const BlockSparseAttention& params, CudaStream stream) {
    if (params.query_windows == 0 || params.heads == 0) return;
    if (params.type == ElementType::kFloat32) return block_sparse_attention_fp32(params, stream);
    if (current_cuda_device().has_sm90_kernels())
        return block_sparse_attention_sm90(params, stream);
    block_sparse_attention_sm80(params, stream);
}

}  // namespace flashvsr::kernels
