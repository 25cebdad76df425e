// SPDX-License-Identifier: Apache-2.0
// Descriptions of tensors for the copy engine of compute capability 9.0 (TMA). Host side.
#pragma once

#include <cuda.h>

#include <initializer_list>

namespace flashvsr::kernels {

struct TensorMap {
    const void* data = nullptr;  // device pointer, aligned to 16 bytes
    CUtensorMapDataType type = CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    // One to five dimensions, the innermost first; it is dense.
    std::initializer_list<cuuint64_t> size;
    // Bytes from one index to the next of every dimension but the innermost; multiples of 16.
    std::initializer_list<cuuint64_t> stride;
    std::initializer_list<cuuint32_t> box;  // what one copy moves, at most 256 each
    // The innermost side of a box is 128 bytes: what wgmma reads (ptx_sm90.h).
    CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_128B;
};

// Throws CudaError where the driver has no such function or refuses the description. To be passed
// to a kernel by value, as a `const __grid_constant__ CUtensorMap`.
CUtensorMap encode(const TensorMap& map);

}  // namespace flashvsr::kernels
