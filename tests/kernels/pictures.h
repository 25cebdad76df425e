// SPDX-License-Identifier: Apache-2.0
// Pictures in every format and coding, for the tests of frame.h.
#pragma once

#include "core/picture.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {

// How rows are spaced: by what they need and five samples more, or by a multiple of 32 bytes.
enum class Rows { kOdd, kAligned };

// A picture with rows longer than it needs; the excess must stay as it is.
struct OwnedPicture {
    Format format;
    Rows rows;
    Picture picture;
    std::vector<uint8_t> plane[4];
    int stride[4] = {};
};

// Without samples.
inline OwnedPicture make_picture(const Format& format, const YuvCoding& yuv, int width, int height,
                                 Rows rows = Rows::kOdd) {
    OwnedPicture owned;
    owned.format = format;
    owned.rows = rows;
    void* plane[4] = {};
    for (int i = 0; i < format.planes; ++i) {
        const int bytes = format.row_bytes(i, width);
        owned.stride[i] =
            rows == Rows::kOdd ? bytes + 5 * format.sample_bytes() : (bytes + 31) / 32 * 32;
        owned.plane[i] = poisoned<uint8_t>(size_t(owned.stride[i]) * format.rows(i, height));
        plane[i] = owned.plane[i].data();
    }
    owned.picture = lay_out(format, plane, owned.stride);
    owned.picture.width = width;
    owned.picture.height = height;
    owned.picture.yuv = yuv;
    return owned;
}

inline OwnedPicture make_like(const OwnedPicture& owned) {
    return make_picture(owned.format, owned.picture.yuv, owned.picture.width, owned.picture.height,
                        owned.rows);
}

// Samples of a component: R, G, B or Y, Cb, Cr, then alpha or its place.
inline bool has_component(const OwnedPicture& owned, int component) {
    return owned.format.component[component].step > 0;
}
inline int columns_of(const OwnedPicture& owned, int component) {
    const bool chroma = component == 1 || component == 2;
    const int sub = chroma ? owned.format.sub_x : 0;
    return (owned.picture.width + sub) >> sub;
}
inline int rows_of(const OwnedPicture& owned, int component) {
    const bool chroma = component == 1 || component == 2;
    const int sub = chroma ? owned.format.sub_y : 0;
    return (owned.picture.height + sub) >> sub;
}

inline size_t offset_of(const OwnedPicture& owned, int component, int x, int y) {
    const Format::Component& place = owned.format.component[component];
    return size_t(y) * owned.stride[place.plane] +
           size_t(place.first + x * place.step) * owned.format.sample_bytes();
}
inline int get_sample(const OwnedPicture& owned, int component, int x, int y) {
    const uint8_t* at = owned.plane[owned.format.component[component].plane].data() +
                        offset_of(owned, component, x, y);
    return (owned.format.sample_bytes() == 1 ? at[0] : at[0] | at[1] << 8) >> owned.format.shift;
}
inline void set_sample(OwnedPicture& owned, int component, int x, int y, int value, int below = 0) {
    uint8_t* at = owned.plane[owned.format.component[component].plane].data() +
                  offset_of(owned, component, x, y);
    value = value << owned.format.shift | below;
    at[0] = static_cast<uint8_t>(value);
    if (owned.format.sample_bytes() == 2) at[1] = static_cast<uint8_t>(value >> 8);
}

template <typename Body>
void for_each_sample(const OwnedPicture& owned, Body body) {
    for (int c = 0; c < 4; ++c) {
        if (!has_component(owned, c)) continue;
        for (int y = 0; y < rows_of(owned, c); ++y) {
            for (int x = 0; x < columns_of(owned, c); ++x) body(c, x, y);
        }
    }
}

// Samples of all values, and what is not to be read at random as well.
inline void fill_random(OwnedPicture& owned, unsigned seed) {
    for (auto& plane : owned.plane) {
        const auto bytes = random_bytes(plane.size(), seed++);
        std::copy(bytes.begin(), bytes.end(), plane.begin());
    }
    std::mt19937 engine(seed);
    const unsigned samples = 1u << owned.format.bits, below = 1u << owned.format.shift;
    for_each_sample(owned, [&](int c, int x, int y) {
        set_sample(owned, c, x, y, static_cast<int>(engine() % samples),
                   static_cast<int>(engine() % below));
    });
}

struct NamedCoding {
    const char* name;
    YuvCoding yuv;
};
inline const std::vector<NamedCoding> kCodings = {
    {"BT.601 limited, left", {0.299f, 0.114f, true, 0.0f, 0.5f}},
    {"BT.601 full, centre", {0.299f, 0.114f, false, 0.5f, 0.5f}},
    {"BT.709 limited, left", {0.2126f, 0.0722f, true, 0.0f, 0.5f}},
    {"BT.709 full, top", {0.2126f, 0.0722f, false, 0.5f, 0.0f}},
    {"BT.2020 limited, top left", {0.2627f, 0.0593f, true, 0.0f, 0.0f}},
    {"BT.2020 full, left", {0.2627f, 0.0593f, false, 0.0f, 0.5f}},
};

inline std::string text_of(const Format& format, const NamedCoding& coding) {
    return std::string(format.name) + ", " + coding.name;
}

}  // namespace flashvsr::kernels
