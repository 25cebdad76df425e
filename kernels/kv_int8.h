// SPDX-License-Identifier: Apache-2.0
// Keys and values in 8 bits, for the cache of past slices (models/kv_cache.h): each window of each
// head, 128 tokens of 128 elements, is kept as integers within +-127 under a scale of its own.
#pragma once

#include <cstdint>

#include "kernels/block_sparse_attention.h"
#include "kernels/element_type.h"
#include "kernels/host_device.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

struct QuantizeKv {
    const void* x = nullptr;  // [windows * 128, heads * 128], finite
    int8_t* q = nullptr;      // the same shape: x / scale, rounded to nearest, ties to even
    float* scale = nullptr;   // [windows, heads]: the largest |x| of window and head / 127
    int windows = 0;
    int heads = 0;
    ElementType type = ElementType::kFloat32;
};

struct DequantizeKv {
    const int8_t* q = nullptr;     // [windows * 128, heads * 128]
    const float* scale = nullptr;  // [windows, heads]
    void* x = nullptr;             // the shape of q: q * scale, rounded to the type
    int windows = 0;
    int heads = 0;
    ElementType type = ElementType::kFloat32;
};

// Both devices give the same, to the last bit. On CUDA pointers are aligned to 16 bytes.
void quantize_kv_cpu(const QuantizeKv& params);
void quantize_kv_cuda(const QuantizeKv& params, CudaStream stream);
void dequantize_kv_cpu(const DequantizeKv& params);
void dequantize_kv_cuda(const DequantizeKv& params, CudaStream stream);

// What elements are multiplied by; 0 for a window of nothing but zeros, or of values so small that
// the quotient would not be finite.
FLASHVSR_HOST_DEVICE inline float kv_int8_inverse(float largest) {
    constexpr float kSmallest = 1e-30f;
    return largest > kSmallest ? 127.0f / largest : 0.0f;
}
FLASHVSR_HOST_DEVICE inline float kv_int8_scale(float largest) {
    return kv_int8_inverse(largest) > 0.0f ? largest / 127.0f : 0.0f;
}

}  // namespace flashvsr::kernels
