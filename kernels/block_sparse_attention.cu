#include "kernels/block_sparse_attention.h"

#include "kernels/block_sparse_attention_device.h"
#include "kernels/cuda_check.h"

namespace flashvsr::kernels {
namespace {

// The kernel for 9.0a runs on devices of exactly that capability.
bool device_is_sm90() {
    int device = 0, major = 0, minor = 0;
    FLASHVSR_CUDA_CHECK(cudaGetDevice(&device));
    FLASHVSR_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
    FLASHVSR_CUDA_CHECK(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
    return major == 9 && minor == 0;
}

}  // namespace

void block_sparse_attention_cuda(const BlockSparseAttention& params, CudaStream stream) {
    if (params.query_windows == 0 || params.heads == 0) return;
    if (params.type == ElementType::kFloat32) return block_sparse_attention_fp32(params, stream);
    if (device_is_sm90()) return block_sparse_attention_sm90(params, stream);
    block_sparse_attention_sm80(params, stream);
}

}  // namespace flashvsr::kernels
