// SPDX-License-Identifier: Apache-2.0
// How matmul_cuda has cuBLASLt choose.
#pragma once

#include <cublasLt.h>

namespace flashvsr::kernels {

// For the choice of an algorithm: no workspace, as none of these products is small enough to be
// split, and matrices aligned as matmul.h asks of them and no better. Needs no device.
cublasLtMatmulPreferenceOpaque_t matmul_preference();

}  // namespace flashvsr::kernels
