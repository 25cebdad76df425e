// Pictures in every format and coding, for the tests of frame.h.
#pragma once

#include "kernels/frame.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {

// ----------------------------------------------------------------------------------------

// A picture with rows longer than it needs; the excess must stay as it is.
struct OwnedPicture {
    Picture picture;
    std::vector<uint8_t> plane[3];
    int plane_width[3] = {};  // bytes that belong to the picture
    int plane_height[3] = {};
};

inline int sample_bytes(const Picture& picture) {
    return picture.kind == Picture::Kind::kP010 ? 2 : 1;
}

inline OwnedPicture make_picture(const Picture& like, int excess = 5) {
    OwnedPicture owned;
    owned.picture = like;
    const int columns = (like.width + 1) / 2, rows = (like.height + 1) / 2;
    const bool packed = like.kind == Picture::Kind::kPacked;
    const int planes = packed ? 1 : like.kind == Picture::Kind::kI420 ? 3 : 2;
    excess *= sample_bytes(like);
    for (int i = 0; i < planes; ++i) {
        const int samples = i == 0 ? like.width : planes == 2 ? 2 * columns : columns;
        owned.plane_width[i] =
            packed ? like.width * like.packed.pixel_bytes : samples * sample_bytes(like);
        owned.plane_height[i] = packed || i == 0 ? like.height : rows;
        const int stride = owned.plane_width[i] + excess;
        owned.plane[i] = poisoned<uint8_t>(size_t(stride) * owned.plane_height[i]);
        owned.picture.plane[i] = owned.plane[i].data();
        owned.picture.stride[i] = stride;
    }
    return owned;
}

// Sample x of a row of a plane, of 8 or 10 bits.
inline int get_sample(const OwnedPicture& owned, int plane, int x, int y) {
    const uint8_t* row = owned.plane[plane].data() + size_t(y) * owned.picture.stride[plane];
    if (sample_bytes(owned.picture) == 1) return row[x];
    return (row[2 * x] | row[2 * x + 1] << 8) >> 6;
}
inline void set_sample(OwnedPicture& owned, int plane, int x, int y, int value) {
    uint8_t* row = owned.plane[plane].data() + size_t(y) * owned.picture.stride[plane];
    if (sample_bytes(owned.picture) == 1) {
        row[x] = static_cast<uint8_t>(value);
    } else {
        row[2 * x] = static_cast<uint8_t>(value << 6);
        row[2 * x + 1] = static_cast<uint8_t>(value >> 2);
    }
}

inline void fill_random(OwnedPicture& owned, unsigned seed) {
    for (auto& plane : owned.plane) {
        const auto bytes = random_bytes(plane.size(), seed++);
        std::copy(bytes.begin(), bytes.end(), plane.begin());
    }
}

// Every format the element takes, by name.
struct NamedLayout {
    const char* name;
    Picture::Kind kind;
    PackedLayout packed;
};
inline const std::vector<NamedLayout> kLayouts = {
    {"RGB", Picture::Kind::kPacked, {3, 0, 1, 2, -1}},
    {"BGR", Picture::Kind::kPacked, {3, 2, 1, 0, -1}},
    {"RGBA", Picture::Kind::kPacked, {4, 0, 1, 2, 3}},
    {"BGRA", Picture::Kind::kPacked, {4, 2, 1, 0, 3}},
    {"RGBx", Picture::Kind::kPacked, {4, 0, 1, 2, -1}},
    {"xRGB", Picture::Kind::kPacked, {4, 1, 2, 3, -1}},
    {"I420", Picture::Kind::kI420, {}},
    {"NV12", Picture::Kind::kNv12, {}},
    {"P010", Picture::Kind::kP010, {}},
};

struct NamedCoding {
    const char* name;
    YuvCoding yuv;
};
inline const std::vector<NamedCoding> kCodings = {
    {"BT.601 limited, left", {0.299f, 0.114f, true, 0.0f, 0.5f}},
    {"BT.601 full, centre", {0.299f, 0.114f, false, 0.5f, 0.5f}},
    {"BT.709 limited, left", {0.2126f, 0.0722f, true, 0.0f, 0.5f}},
    {"BT.2020 limited, top left", {0.2627f, 0.0593f, true, 0.0f, 0.0f}},
};

inline Picture picture_like(const NamedLayout& layout, const YuvCoding& yuv, int width,
                            int height) {
    Picture picture;
    picture.kind = layout.kind;
    picture.packed = layout.packed;
    picture.yuv = yuv;
    picture.width = width;
    picture.height = height;
    return picture;
}

}  // namespace flashvsr::kernels
