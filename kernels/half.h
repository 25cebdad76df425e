// SPDX-License-Identifier: Apache-2.0
// 16-bit and 8-bit floats on the host, and the choice of a C++ type from an ElementType.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "kernels/element_type.h"

namespace flashvsr::kernels {

struct Float16 {
    uint16_t bits = 0;
};
struct BFloat16 {
    uint16_t bits = 0;
};
struct Float8E4M3 {
    uint8_t bits = 0;
};

inline uint32_t float_bits(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

inline float float_from_bits(uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline float to_float(float value) { return value; }

inline float to_float(BFloat16 value) { return float_from_bits(uint32_t{value.bits} << 16); }

inline float to_float(Float16 value) {
    const uint32_t sign = (value.bits & 0x8000u) << 16;
    const uint32_t magnitude = value.bits & 0x7fffu;
    if (magnitude < 0x0400) {  // subnormal: a multiple of 2^-24
        return float_from_bits(sign | float_bits(static_cast<float>(magnitude) * 0x1p-24f));
    }
    const uint32_t exponent_shift = magnitude >= 0x7c00 ? 0x70000000u : 0x38000000u;
    return float_from_bits(sign | ((magnitude << 13) + exponent_shift));
}

inline float to_float(Float8E4M3 value) {
    const uint32_t sign = (value.bits & 0x80u) << 24;
    const uint32_t magnitude = value.bits & 0x7fu;
    if (magnitude < 0x08) {  // subnormal: a multiple of 2^-9
        return float_from_bits(sign | float_bits(static_cast<float>(magnitude) * 0x1p-9f));
    }
    if (magnitude == 0x7f) return float_from_bits(sign | 0x7fc00000u);
    return float_from_bits(sign | ((magnitude << 20) + 0x3c000000u));
}

// Rounds to nearest, ties to even.
template <typename T>
T round_to(float value);

template <>
inline float round_to<float>(float value) {
    return value;
}

template <>
inline BFloat16 round_to<BFloat16>(float value) {
    const uint32_t bits = float_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return {static_cast<uint16_t>((bits >> 16) | 0x40u)};  // NaN stays NaN
    }
    return {static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
}

template <>
inline Float16 round_to<Float16>(float value) {
    const uint32_t bits = float_bits(value);
    const uint32_t sign = bits >> 16 & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t half;
    if (magnitude > 0x7f800000u) {
        half = 0x7e00;
    } else if (magnitude >= 0x477ff000u) {  // 65520 and above round to infinity
        half = 0x7c00;
    } else if (magnitude < 0x38800000u) {  // below 2^-14: the ulp of 0.5 is that of a subnormal
        half = float_bits(float_from_bits(magnitude) + 0.5f) - float_bits(0.5f);
    } else {
        half = (magnitude - 0x38000000u + 0x0fffu + (magnitude >> 13 & 1u)) >> 13;
    }
    return {static_cast<uint16_t>(sign | half)};
}

// What lies beyond 448 becomes 448, as the GPU's conversion does it.
template <>
inline Float8E4M3 round_to<Float8E4M3>(float value) {
    const uint32_t bits = float_bits(value);
    const uint32_t sign = bits >> 24 & 0x80u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t rounded;
    if (magnitude > 0x7f800000u) {
        rounded = 0x7f;  // NaN
    } else if (magnitude >= 0x43e00000u) {
        rounded = 0x7e;
    } else if (magnitude < 0x3c800000u) {  // below 2^-6: the ulp of 2^14 is that of a subnormal
        rounded = float_bits(float_from_bits(magnitude) + 0x1p14f) - float_bits(0x1p14f);
    } else {
        rounded = (magnitude - 0x3c000000u + 0x7ffffu + (magnitude >> 20 & 1u)) >> 20;
    }
    return {static_cast<uint8_t>(sign | rounded)};
}

// Rounds to the type and comes back.
template <typename T>
float rounded(float value) {
    return to_float(round_to<T>(value));
}

// Calls body(T{}) with the host type T of `type`.
template <typename Body>
void with_host_type(ElementType type, Body body) {
    switch (type) {
        case ElementType::kFloat32: return body(float{});
        case ElementType::kFloat16: return body(Float16{});
        case ElementType::kBFloat16: return body(BFloat16{});
        case ElementType::kFloat8E4M3: break;
    }
    throw std::invalid_argument("kernel parameters: element type");
}

}  // namespace flashvsr::kernels
