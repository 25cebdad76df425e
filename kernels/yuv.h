// SPDX-License-Identifier: Apache-2.0
// Samples as numbers, Y'CbCr <-> R'G'B' as linear maps, chroma filters; for both devices.
#pragma once

#include "kernels/frame.h"

namespace flashvsr::kernels {

// With y = (Y - luma_offset) * luma_scale, cb = (Cb - chroma_offset) * chroma_scale, cr likewise,
// all in [0, 1] or [-0.5, 0.5]. ITU-T H.273, 8.3: the weights follow from kr and kb. Of R, G and B,
// each is as Y.
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

// Samples of chroma for so many of luma on an axis; `sub` as in Picture.
constexpr int chroma_samples(int luma, int sub) { return (luma + sub) >> sub; }

// Chroma at luma position 2 i, between samples i - 1 and i, and at 2 i + 1, between i and i + 1:
// the weight of the sample that is not i, for a chroma site of 0 to 1 luma pixels.
struct ChromaUpsample {
    float previous;  // at even positions
    float next;      // at odd positions
};
inline ChromaUpsample chroma_upsample(float site, int sub) {
    if (sub == 0) return {0.0f, 0.0f};
    return {0.5f * site, 0.5f - 0.5f * site};
}

// Chroma sample i from luma positions 2 i - 1, 2 i and 2 i + 1: (1 2 1) / 4 where the site is on
// 2 i, (0 1 1) / 2 where it is halfway. (0 1 0) where there is a sample for each position.
struct ChromaDownsample {
    float previous, centre, next;
};
inline ChromaDownsample chroma_downsample(float site, int sub) {
    if (sub == 0) return {0.0f, 1.0f, 0.0f};
    return {0.25f - 0.5f * site, 0.5f, 0.25f + 0.5f * site};
}

}  // namespace flashvsr::kernels
