// SPDX-License-Identifier: Apache-2.0
// Names CUDA's stream type without CUDA's headers, so that CPU-only builds see one declaration.
#pragma once

struct CUstream_st;

namespace flashvsr::kernels {

using CudaStream = CUstream_st*;  // the same type as cudaStream_t

}  // namespace flashvsr::kernels
