// SPDX-License-Identifier: Apache-2.0
#include "kernels/tensor_map.h"

#include <cudaTypedefs.h>

#include <algorithm>

#include "kernels/cuda_check.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

constexpr size_t kMaxRank = 5;

// Asked for at run time, so that nothing links libcuda, which machines without a GPU lack.
PFN_cuTensorMapEncodeTiled_v12000 driver_function() {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
    FLASHVSR_CUDA_CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                                         cudaEnableDefault, &found));
    if (found != cudaDriverEntryPointSuccess) {
        throw CudaError("the GPU's driver has no cuTensorMapEncodeTiled: it is older than CUDA 12");
    }
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(function);
}

}  // namespace

CUtensorMap encode(const TensorMap& map) {
    static const auto encode_tiled = driver_function();
    const size_t rank = map.size.size();
    require(rank >= 1 && rank <= kMaxRank, "a tensor map has one to five dimensions");
    require(map.stride.size() + 1 == rank && map.box.size() == rank,
            "a tensor map needs a stride and a box side for each dimension");
    cuuint32_t element_strides[kMaxRank];
    std::fill(element_strides, element_strides + kMaxRank, 1);
    CUtensorMap encoded;
    const CUresult status =
        encode_tiled(&encoded, map.type, static_cast<cuuint32_t>(rank), const_cast<void*>(map.data),
                     map.size.begin(), map.stride.begin(), map.box.begin(), element_strides,
                     CU_TENSOR_MAP_INTERLEAVE_NONE, map.swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                     CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (status != CUDA_SUCCESS) {
        throw CudaError("cuTensorMapEncodeTiled failed with error " + std::to_string(status));
    }
    return encoded;
}

}  // namespace flashvsr::kernels
