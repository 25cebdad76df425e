// Samples as numbers, Y'CbCr <-> R'G'B' as linear maps, 4:2:0 chroma filters; for both devices.
#pragma once

#include "kernels/frame.h"

namespace flashvsr::kernels {

inline constexpr float kUnit = 1.0f / 255.0f;  // of a sample of full range; 255 * kUnit is 1

// Y'CbCr samples are bytes, or two bytes with ten bits in the high ones (P010).
template <typename Sample>
inline constexpr int kSampleBits = sizeof(Sample) == 1 ? 8 : 10;
template <typename Sample>
inline constexpr int kSampleShift = 8 * sizeof(Sample) - kSampleBits<Sample>;

// With y = (Y - luma_offset) * luma_scale, cb = (Cb - chroma_offset) * chroma_scale, cr likewise,
// all in [0, 1] or [-0.5, 0.5]. ITU-T H.273, 8.3: the weights follow from kr and kb.
struct YuvMaths {
    float luma_offset, luma_scale, chroma_offset, chroma_scale;
    float luma_range, chroma_range;  // the inverses of the scales
    float largest;                   // sample
    float kr, kg, kb;
    float red_cr, green_cb, green_cr, blue_cb;
    float cb_scale, cr_scale;  // cb = (b - y) * cb_scale
};

inline YuvMaths yuv_maths(const YuvCoding& coding, int bits) {
    YuvMaths m;
    const auto unit = static_cast<float>(1 << (bits - 8));  // of limited range
    m.largest = static_cast<float>((1 << bits) - 1);
    m.luma_offset = coding.limited_range ? 16.0f * unit : 0.0f;
    m.luma_range = coding.limited_range ? 219.0f * unit : m.largest;
    m.chroma_offset = 128.0f * unit;
    m.chroma_range = coding.limited_range ? 224.0f * unit : m.largest;
    m.luma_scale = 1.0f / m.luma_range;
    m.chroma_scale = 1.0f / m.chroma_range;
    m.kr = coding.kr;
    m.kb = coding.kb;
    m.kg = 1.0f - coding.kr - coding.kb;
    m.red_cr = 2.0f * (1.0f - m.kr);
    m.blue_cb = 2.0f * (1.0f - m.kb);
    m.green_cb = -m.kb * m.blue_cb / m.kg;
    m.green_cr = -m.kr * m.red_cr / m.kg;
    m.cb_scale = 1.0f / m.blue_cb;
    m.cr_scale = 1.0f / m.red_cr;
    return m;
}

// Chroma at luma position 2 i, between samples i - 1 and i, and at 2 i + 1, between i and i + 1:
// the weight of the sample that is not i, for a chroma site of 0 to 1 luma pixels.
struct ChromaUpsample {
    float previous;  // at even positions
    float next;      // at odd positions
};
inline ChromaUpsample chroma_upsample(float site) { return {0.5f * site, 0.5f - 0.5f * site}; }

// Chroma sample i from luma positions 2 i - 1, 2 i and 2 i + 1: (1 2 1) / 4 where the site is on
// 2 i, (0 1 1) / 2 where it is halfway.
struct ChromaDownsample {
    float previous, centre, next;
};
inline ChromaDownsample chroma_downsample(float site) {
    return {0.25f - 0.5f * site, 0.5f, 0.25f + 0.5f * site};
}

// Byte of a four-byte pixel that holds no colour.
inline int fourth_byte(const PackedLayout& layout) {
    return 6 - layout.red - layout.green - layout.blue;
}

}  // namespace flashvsr::kernels
