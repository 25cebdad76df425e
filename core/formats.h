// SPDX-License-Identifier: Apache-2.0
// The pixel formats of flashvsr.h, taken apart.
#pragma once

#include <string_view>

#include "core/flashvsr.h"

namespace flashvsr {

// Everything in samples.
struct Format {
    // Where the samples of a component are: every `step` samples of a plane, from `first` on.
    struct Component {
        int plane = 0;
        int first = 0;
        int step = 0;  // 0: there is no such component
    };
    // Samples side by side for each column of luma, or of chroma where a plane holds nothing else.
    struct Plane {
        int samples = 0;
        bool chroma = false;
    };

    std::string_view name;
    int bits = 0;   // that count
    int shift = 0;  // bits below them
    int sub_x = 0;  // 1: chroma has half the columns
    int sub_y = 0;
    bool rgb = false;
    bool has_alpha = false;
    int planes = 0;
    Plane plane[4];
    Component component[4];  // R G B or Y Cb Cr, and what is alpha or x

    constexpr int sample_bytes() const { return bits > 8 ? 2 : 1; }
    // Columns and rows of a plane of a frame whose luma has so many.
    constexpr int columns(int index, int width) const {
        return plane[index].chroma ? (width + sub_x) >> sub_x : width;
    }
    constexpr int rows(int index, int height) const {
        return plane[index].chroma ? (height + sub_y) >> sub_y : height;
    }
    constexpr int row_bytes(int index, int width) const {
        return columns(index, width) * plane[index].samples * sample_bytes();
    }
};

// As FLASHVSR_FORMATS has it.
constexpr Format parse_format(std::string_view name, int bits, int shift, int chroma,
                              std::string_view planes) {
    Format format;
    format.name = name;
    format.bits = bits;
    format.shift = shift;
    format.sub_x = chroma == 422 || chroma == 420 ? 1 : 0;
    format.sub_y = chroma == 420 ? 1 : 0;
    format.has_alpha = planes.find('A') != planes.npos;
    format.rgb = planes.find('R') != planes.npos;
    while (!planes.empty()) {
        const std::string_view word = planes.substr(0, planes.find(' '));
        planes.remove_prefix(word.size() < planes.size() ? word.size() + 1 : word.size());
        const int index = format.planes++;
        const int size = static_cast<int>(word.size());
        format.plane[index] = {size, word.find_first_not_of("UV") == word.npos};
        for (int i = 0; i < size; ++i) {
            const char letter = word[i];
            const auto place = std::string_view(format.rgb ? "RGBA" : "YUVA").find(letter);
            format.component[letter == 'x' ? 3 : place] = {index, i, size};
        }
    }
    return format;
}

#define FLASHVSR_FORMAT_ROW(name, ...) parse_format(#name, __VA_ARGS__),
inline constexpr Format kFormats[] = {FLASHVSR_FORMATS(FLASHVSR_FORMAT_ROW)};
#undef FLASHVSR_FORMAT_ROW

constexpr bool is_format(int format) {
    return format > FLASHVSR_FORMAT_NONE && format < FLASHVSR_FORMAT_END;
}
constexpr const Format& format_of(FlashvsrFormat format) { return kFormats[format - 1]; }

}  // namespace flashvsr
