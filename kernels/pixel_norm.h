// SPDX-License-Identifier: Apache-2.0
// The norm of the convolutional decoders, with the activation that follows it (docs/model.md
// section 9.2): of pixels with the channels innermost, into what the next convolution reads.
#pragma once

#include <cstdint>

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

// v = x / max(|x|, 1e-12) * sqrt(channels) * gamma, |x| over the channels of one pixel, and
// y = v / (1 + exp(-v)), or v. fp32 inside and rounded once; the reference rounds |x|, the
// quotient and both products.
struct PixelNorm {
    const void* x = nullptr;      // [pixels, channels]
    const void* gamma = nullptr;  // [channels]
    void* y = nullptr;            // as x; may be x
    int64_t pixels = 0;
    int channels = 0;  // a multiple of 8; on CUDA at most 1024
    bool silu = true;
    ElementType type = ElementType::kFloat32;
};

// On CUDA pointers are aligned to 16 bytes.
void pixel_norm_cpu(const PixelNorm& params);
void pixel_norm_cuda(const PixelNorm& params, CudaStream stream);

}  // namespace flashvsr::kernels
