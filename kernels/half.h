// 16-bit floats on the host, and the choice of a C++ type from an ElementType.
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
    }
    throw std::invalid_argument("unknown element type");
}

}  // namespace flashvsr::kernels
