// SPDX-License-Identifier: Apache-2.0
// Token rows in the registers of a warp: what the norms share. A row is read once, every lane
// holding eight neighbouring elements of each 256, and is summed in an order that depends on
// nothing but its length. Only for .cu files.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/device_element.h"
#include "kernels/ptx_sm80.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {

inline constexpr int kVector = 8;  // elements of a lane's access

// Two neighbouring elements in registers.
template <typename T>
struct PairOf {
    using type = uint32_t;  // 16-bit elements, the first in the low half
};
template <>
struct PairOf<float> {
    using type = float2;
};
template <typename T>
using Pair = typename PairOf<T>::type;

template <typename T>
__device__ float2 unpack(Pair<T> pair);
template <>
__device__ inline float2 unpack<float>(float2 pair) {
    return pair;
}
template <>
__device__ inline float2 unpack<__half>(uint32_t pair) {
    return __half22float2(*reinterpret_cast<const __half2*>(&pair));
}
template <>
__device__ inline float2 unpack<__nv_bfloat16>(uint32_t pair) {
    return make_float2(__uint_as_float(pair << 16), __uint_as_float(pair & 0xffff0000u));
}

// Rounds both.
template <typename T>
__device__ Pair<T> pack(float2 values) {
    return ptx::pack2<T>(values.x, values.y);
}
template <>
__device__ inline float2 pack<float>(float2 values) {
    return values;
}

// The products, each rounded once.
template <typename T>
__device__ Pair<T> multiply(Pair<T> a, Pair<T> b) {
    using Native = std::conditional_t<std::is_same_v<T, __half>, __half2, __nv_bfloat162>;
    const Native product =
        __hmul2(*reinterpret_cast<const Native*>(&a), *reinterpret_cast<const Native*>(&b));
    return *reinterpret_cast<const uint32_t*>(&product);
}
template <>
__device__ inline float2 multiply<float>(float2 a, float2 b) {
    return make_float2(a.x * b.x, a.y * b.y);
}

// Eight elements, read and written at once.
template <typename T>
struct alignas(16) Vector {
    Pair<T> pair[kVector / 2];
};

// Where this lane's vector number v begins in the row.
__device__ inline int vector_begin(int v) { return (v * kWarpSize + lane_index()) * kVector; }

// This lane's vectors of a row of `dim` elements; zeros past its end.
template <typename T, int kVectors>
__device__ void load_row(const T* row, int dim, Vector<T> (&x)[kVectors]) {
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        const int begin = vector_begin(v);
        x[v] = begin < dim ? *reinterpret_cast<const Vector<T>*>(row + begin) : Vector<T>{};
    }
}

// 1 / sqrt(mean(x^2) + eps) over the row.
template <typename T, int kVectors>
__device__ float inverse_rms(const Vector<T> (&x)[kVectors], int dim, float eps) {
    float sum = 0;
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        for (const Pair<T> pair : x[v].pair) {
            const float2 values = unpack<T>(pair);
            sum = __fmaf_rn(values.x, values.x, sum);
            sum = __fmaf_rn(values.y, values.y, sum);
        }
    }
    return 1.0f / sqrtf(warp_sum(sum) / dim + eps);
}

// Two neighbours: RN(RN(x * inverse) * weight).
template <typename T>
__device__ float2 norm_pair(Pair<T> x, float inverse, Pair<T> weight) {
    const float2 values = unpack<T>(x);
    const Pair<T> normed = pack<T>(make_float2(values.x * inverse, values.y * inverse));
    return unpack<T>(multiply<T>(normed, weight));
}

// Turned by the angle of that cosine and sine, each product and sum in a given order.
__device__ inline float2 turn_pair(float2 x, float cosine, float sine) {
    return make_float2(__fmaf_rn(x.x, cosine, -__fmul_rn(x.y, sine)),
                       __fmaf_rn(x.x, sine, __fmul_rn(x.y, cosine)));
}

// Calls body with the number of vectors per lane for rows of `dim` elements, as a constant.
template <typename Body>
void with_vectors(int dim, Body body) {
    const int vectors = (dim + kWarpSize * kVector - 1) / (kWarpSize * kVector);
    if (vectors <= 1) return body(std::integral_constant<int, 1>{});
    if (vectors <= 2) return body(std::integral_constant<int, 2>{});
    if (vectors <= 4) return body(std::integral_constant<int, 4>{});
    if (vectors <= 6) return body(std::integral_constant<int, 6>{});
    if (vectors <= 8) return body(std::integral_constant<int, 8>{});
    return body(std::integral_constant<int, 32>{});
}

}  // namespace flashvsr::kernels
