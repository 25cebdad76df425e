// SPDX-License-Identifier: Apache-2.0
// Colours of one system in another, as the stub needs them where a frame comes out in another than
// it went in.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "core/formats.h"

namespace stub {

using Pixel = std::array<uint16_t, 4>;  // samples of R G B A, or Y U V A

// What samples mean.
struct Colours {
    bool rgb = false;
    bool grey = false;
    bool full = true;
    FlashvsrMatrix matrix = FLASHVSR_MATRIX_RGB;
    int bits = 8;

    explicit Colours(const FlashvsrFrameInfo& info)
        : full(info.range == FLASHVSR_RANGE_FULL), matrix(info.matrix) {
        const flashvsr::Format& format = flashvsr::format_of(info.format);
        rgb = format.rgb;
        grey = !rgb && format.component[1].step == 0;
        bits = format.bits;
    }

    bool same_system(const Colours& other) const {
        return rgb == other.rgb && grey == other.grey &&
               (rgb || (full == other.full && matrix == other.matrix));
    }

    int most() const { return (1 << bits) - 1; }
    double step() const { return 1 << (bits - 8); }
    double luma_zero() const { return full || rgb ? 0 : 16 * step(); }
    double luma_span() const { return full || rgb ? most() : 219 * step(); }
    double chroma_zero() const { return 128 * step(); }
    double chroma_span() const { return full ? most() : 224 * step(); }
    double red() const {
        return matrix == FLASHVSR_MATRIX_BT709    ? 0.2126
               : matrix == FLASHVSR_MATRIX_BT2020 ? 0.2627
                                                  : 0.299;
    }
    double blue() const {
        return matrix == FLASHVSR_MATRIX_BT709    ? 0.0722
               : matrix == FLASHVSR_MATRIX_BT2020 ? 0.0593
                                                  : 0.114;
    }
};

// R, G and B, 0 to 1.
inline std::array<double, 3> to_rgb(const Pixel& pixel, const Colours& from) {
    std::array<double, 3> value;
    for (int i = 0; i < 3; i++) value[i] = (pixel[i] - from.luma_zero()) / from.luma_span();
    if (from.rgb) return value;
    if (from.grey) return {value[0], value[0], value[0]};
    const double u = (pixel[1] - from.chroma_zero()) / from.chroma_span();
    const double v = (pixel[2] - from.chroma_zero()) / from.chroma_span();
    const double r = value[0] + 2 * (1 - from.red()) * v;
    const double b = value[0] + 2 * (1 - from.blue()) * u;
    return {r, (value[0] - from.red() * r - from.blue() * b) / (1 - from.red() - from.blue()), b};
}

inline Pixel from_rgb(const std::array<double, 3>& value, const Colours& to) {
    const auto rounded = [&to](double sample) {
        return static_cast<uint16_t>(std::lround(std::clamp(sample, 0.0, double(to.most()))));
    };
    const auto level = [&](double x) { return rounded(to.luma_zero() + x * to.luma_span()); };
    if (to.rgb) return {level(value[0]), level(value[1]), level(value[2]), 0};
    const double y =
        to.red() * value[0] + (1 - to.red() - to.blue()) * value[1] + to.blue() * value[2];
    const auto chroma = [&](double x) { return rounded(to.chroma_zero() + x * to.chroma_span()); };
    return {level(y), chroma((value[2] - y) / (2 - 2 * to.blue())),
            chroma((value[0] - y) / (2 - 2 * to.red())), 0};
}

// Within a system samples change their number of bits alone.
inline Pixel converted(const Pixel& pixel, const Colours& from, const Colours& to) {
    const auto scaled = [&](int sample) {
        return static_cast<uint16_t>((sample << to.bits) >> from.bits);
    };
    Pixel result = {scaled(pixel[0]), scaled(pixel[1]), scaled(pixel[2]), 0};
    if (!from.same_system(to)) result = from_rgb(to_rgb(pixel, from), to);
    result[3] = scaled(pixel[3]);
    return result;
}

}  // namespace stub
