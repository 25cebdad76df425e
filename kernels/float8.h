// 8-bit floats on the host: e4m3 without infinities, the largest finite value 448.
#pragma once

#include <cstdint>

#include "kernels/half.h"

namespace flashvsr::kernels {

inline constexpr float kLargestE4m3 = 448.0f;

struct Float8E4m3 {
    uint8_t bits = 0;
};

inline float to_float(Float8E4m3 value) {
    const uint32_t sign = (value.bits & 0x80u) << 24;
    const uint32_t magnitude = value.bits & 0x7fu;
    if (magnitude == 0x7f) return float_from_bits(sign | 0x7fc00000u);
    if (magnitude < 0x08) {  // subnormal: a multiple of 2^-9
        return float_from_bits(sign | float_bits(static_cast<float>(magnitude) * 0x1p-9f));
    }
    return float_from_bits(sign | ((magnitude << 20) + 0x3c000000u));
}

// Rounds to nearest, ties to even; beyond +-448 gives +-448, as the hardware's satfinite does.
template <>
inline Float8E4m3 round_to<Float8E4m3>(float value) {
    const uint32_t bits = float_bits(value);
    const uint32_t sign = bits >> 24 & 0x80u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    uint32_t eight;
    if (magnitude > 0x7f800000u) {
        eight = 0x7f;
    } else if (magnitude >= float_bits(kLargestE4m3)) {
        eight = 0x7e;
    } else if (magnitude < 0x3c800000u) {  // below 2^-6: the ulp of 2^14 is that of a subnormal
        eight = float_bits(float_from_bits(magnitude) + 0x1p14f) - float_bits(0x1p14f);
    } else {
        eight = (magnitude - 0x3c000000u + 0x7ffffu + (magnitude >> 20 & 1u)) >> 20;
    }
    return {static_cast<uint8_t>(sign | eight)};
}

}  // namespace flashvsr::kernels
