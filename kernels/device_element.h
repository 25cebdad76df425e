// SPDX-License-Identifier: Apache-2.0
// Element types on the device: conversion, and eight elements at a time through 16-byte accesses.
// Only for .cu files.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <cstdint>
#include <stdexcept>

#include "kernels/element_type.h"

namespace flashvsr::kernels {

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(__half value) { return __half2float(value); }
__device__ inline float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }

// Rounds to nearest, ties to even.
template <typename T>
__device__ T round_to(float value);
template <>
__device__ inline float round_to<float>(float value) {
    return value;
}
template <>
__device__ inline __half round_to<__half>(float value) {
    return __float2half_rn(value);
}
template <>
__device__ inline __nv_bfloat16 round_to<__nv_bfloat16>(float value) {
    return __float2bfloat16_rn(value);
}

// Rounds to the type and comes back.
template <typename T>
__device__ inline float rounded(float value) {
    return to_float(round_to<T>(value));
}

// Eight elements, aligned to 16 bytes, to and from float registers.
template <typename T>
__device__ inline void load8(const T* from, float (&to)[8]) {
    constexpr int kVectors = 8 * sizeof(T) / sizeof(uint4);
    alignas(16) T elements[8];
    for (int i = 0; i < kVectors; ++i) {
        reinterpret_cast<uint4*>(elements)[i] = reinterpret_cast<const uint4*>(from)[i];
    }
    for (int i = 0; i < 8; ++i) to[i] = to_float(elements[i]);
}
template <typename T>
__device__ inline void store8(const float (&from)[8], T* to) {
    constexpr int kVectors = 8 * sizeof(T) / sizeof(uint4);
    alignas(16) T elements[8];
    for (int i = 0; i < 8; ++i) elements[i] = round_to<T>(from[i]);
    for (int i = 0; i < kVectors; ++i) {
        reinterpret_cast<uint4*>(to)[i] = reinterpret_cast<const uint4*>(elements)[i];
    }
}

// Eight floats to e4m3, aligned to 8 bytes; beyond +-448 saturates.
__device__ inline void store8_e4m3(const float (&from)[8], void* to) {
    uint16_t pairs[4];
    for (int i = 0; i < 4; ++i) {
        pairs[i] = __nv_cvt_float2_to_fp8x2(make_float2(from[2 * i], from[2 * i + 1]),
                                            __NV_SATFINITE, __NV_E4M3);
    }
    *static_cast<uint2*>(to) =
        make_uint2(pairs[0] | uint32_t{pairs[1]} << 16, pairs[2] | uint32_t{pairs[3]} << 16);
}

// Calls body(T{}) with the device type T of `type`.
template <typename Body>
void with_device_type(ElementType type, Body body) {
    switch (type) {
        case ElementType::kFloat32: return body(float{});
        case ElementType::kFloat16: return body(__half{});
        case ElementType::kBFloat16: return body(__nv_bfloat16{});
        case ElementType::kFloat8E4M3: break;
    }
    throw std::invalid_argument("kernel parameters: element type");
}

}  // namespace flashvsr::kernels
