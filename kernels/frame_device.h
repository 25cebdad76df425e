// SPDX-License-Identifier: Apache-2.0
// Eight neighbouring pixels of a row: the model's planes as colour, and samples on their way to
// memory. Only for .cu files.
#pragma once

#include <type_traits>

#include "kernels/device_element.h"
#include "kernels/frame.h"

namespace flashvsr::kernels {

constexpr int kAcross = 8;

// ---- the model's planes as colour in [0, 1] -----------------------------------------------------

template <typename T>
struct Channel {
    const T* decoded;
    const T* reference;
    float gain = 1.0f, offset = 0.0f;
    bool fixed;

    __device__ Channel(const ModelToPicture& params, int channel)
        : decoded(static_cast<const T*>(params.decoded.data) +
                  channel * params.decoded.plane_stride),
          reference(static_cast<const T*>(params.reference.data) +
                    channel * params.reference.plane_stride),
          fixed(params.affine != nullptr) {
        if (fixed) {
            gain = params.affine[2 * channel];
            offset = params.affine[2 * channel + 1];
        }
    }

    __device__ float finish(float value, float from, float strength) const {
        float x = value * 2.0f - 1.0f;
        if (fixed) x = fminf(fmaxf(-1.0f, x * gain + offset), 1.0f);
        if (strength < 1.0f) x = from + (x - from) * strength;
        return __saturatef(x * 0.5f + 0.5f);
    }
};

// Eight elements at x, or the row's last where it ends.
template <typename T>
__device__ void load_pixels(const T* row, int x, int width, bool aligned, float (&to)[kAcross]) {
    if (aligned && x + kAcross <= width) return load8(row + x, to);
    for (int i = 0; i < kAcross; ++i) to[i] = to_float(row[min(x + i, width - 1)]);
}

// Colours of a channel at columns x to x + 7 of row y; outside the picture its border repeats.
template <typename T>
__device__ void read_colours(const ModelToPicture& params, const Channel<T>& channel, int x, int y,
                             bool aligned, float (&to)[kAcross]) {
    y = min(max(y, 0), params.picture.height - 1);
    const int width = params.picture.width;
    float from[kAcross] = {};
    load_pixels(channel.decoded + y * params.decoded.row_stride, x, width, aligned, to);
    if (params.strength < 1.0f) {
        load_pixels(channel.reference + y * params.reference.row_stride, x, width, aligned, from);
    }
    for (int i = 0; i < kAcross; ++i) to[i] = channel.finish(to[i], from[i], params.strength);
}

template <typename T>
__device__ float read_colour(const ModelToPicture& params, const Channel<T>& channel, int x,
                             int y) {
    x = max(x, 0);
    y = min(max(y, 0), params.picture.height - 1);
    const float from = params.strength < 1.0f
                           ? to_float(channel.reference[y * params.reference.row_stride + x])
                           : 0.0f;
    return channel.finish(to_float(channel.decoded[y * params.decoded.row_stride + x]), from,
                          params.strength);
}

// ---- samples ------------------------------------------------------------------------------------

// A value in [0, largest] to the nearest sample.
__device__ inline uint32_t to_sample(float value, int shift) {
    return static_cast<uint32_t>(static_cast<int>(value + 0.5f)) << shift;
}

template <typename Sample>
__device__ Sample* sample_row(const Component& component, int y) {
    return reinterpret_cast<Sample*>(component.data + int64_t{y} * component.stride);
}

// Samples side by side, of which those before `count` are written.
template <typename Sample, int kCount>
__device__ void store_samples(const uint32_t (&value)[kCount], Sample* to, int count,
                              bool aligned) {
    constexpr int kPerWord = 4 / sizeof(Sample), kWords = kCount / kPerWord;
    if (aligned && count >= kCount) {
        alignas(16) uint32_t word[kWords] = {};
        for (int i = 0; i < kCount; ++i) {
            word[i / kPerWord] |= value[i] << i % kPerWord * 8 * sizeof(Sample);
        }
        using Vector = std::conditional_t<kWords == 4, uint4,
                                          std::conditional_t<kWords == 2, uint2, uint32_t>>;
        *reinterpret_cast<Vector*>(to) = *reinterpret_cast<const Vector*>(word);
        return;
    }
    for (int i = 0; i < kCount && i < count; ++i) to[i] = static_cast<Sample>(value[i]);
}

// Components that lie between each other, in pixels or in pairs.
struct Group {
    uint8_t* data;  // the first byte of all
    int stride;
    int bit[4];  // where each component's first sample begins
};

// Eight pixels as words, to be written where they are less than `count`.
template <int kPixelBytes, typename Word>
__device__ void store_pixels(const Word (&pixel)[kAcross], uint8_t* to, int count, bool aligned) {
    if (aligned && count >= kAcross) {
        uint32_t word[2 * kPixelBytes];
        for (int i = 0; i < 2 * kPixelBytes; ++i) {
            // Words of three-byte pixels hold the end of one and the beginning of the next.
            const int group = i / 3 * 4, part = i % 3;
            word[i] = kPixelBytes == 8 ? static_cast<uint32_t>(uint64_t{pixel[i / 2]} >> i % 2 * 32)
                      : kPixelBytes == 4
                          ? pixel[i % kAcross]
                          : pixel[(group + part) % kAcross] >> 8 * part |
                                pixel[(group + part + 1) % kAcross] << (24 - 8 * part);
        }
        for (int i = 0; i < kPixelBytes; ++i) {
            reinterpret_cast<uint2*>(to)[i] = {word[2 * i], word[2 * i + 1]};
        }
        return;
    }
    for (int i = 0; i < kAcross && i < count; ++i) {
        for (int byte = 0; byte < kPixelBytes; ++byte) {
            to[i * kPixelBytes + byte] = static_cast<uint8_t>(pixel[i] >> 8 * byte);
        }
    }
}

// Alpha at columns x to x + 7; opaque where there is none.
__device__ inline void read_alpha(const ModelToPicture& params, int x, int y,
                                  float (&alpha)[kAcross]) {
    const Picture& picture = params.picture;
    const bool there = picture.has_alpha && params.alpha;
    const float* row = params.alpha + int64_t{y} * picture.width;
    for (int i = 0; i < kAcross; ++i) {
        alpha[i] = there ? __saturatef(row[min(x + i, picture.width - 1)]) : 1.0f;
    }
}

}  // namespace flashvsr::kernels
