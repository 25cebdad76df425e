// SPDX-License-Identifier: Apache-2.0
// Two-dimensional convolution of frames, channels innermost (NHWC), with what the decoder and the
// projector put around it (docs/model.md sections 5, 8 and 9): earlier frames as inputs beside
// a frame itself, nearest resize and growth in time before it, bias, residual and activation after.
//
//   y = RN(activation(sum over taps and channels of weight * x + bias + residual))
//
// with fp32 accumulation, activation(v) = v > 0 ? v : leak * v, and one rounding at the end.
//
// Resizing form. Nearest x2, then a 1x1 convolution G that makes `grow` frames of one, then a 3x3
// convolution W with zeros outside, nothing in between, are one convolution by 2x2 taps for each
// of grow * 4 phases. Phase p = (f * 2 + py) * 2 + px makes pixel (2y + py, 2x + px) of frame
// t * grow + f from rows y - 1 + py, y + py and columns x - 1 + px, x + px of frame t:
//
//   V[f][o, ky, kx, i]  = sum over m of W[o, m, ky, kx] * G[f * M + m, i]       (M: inputs of W)
//   rows of V[f] for py = 0: {0}, {1 + 2};   for py = 1: {0 + 1}, {2};   the same for columns
//
// (summed in fp32 and rounded once). Without resizing (upsample 1) growth alone works likewise:
// `grow` phases of 3x3 taps, whose weights are V[f].
#pragma once

#include <cstdint>

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

struct Conv {
    // Elements from a pixel, row or frame to the next; 0: as in a dense tensor.
    struct Strides {
        int64_t pixel = 0, row = 0, frame = 0;
    };

    const void* x = nullptr;  // [n, h, w, in]
    // The frames before x's first, [history, h, w, in] in the order of time with x's strides; they
    // may be what lies in front of x. A causal convolution over time has a history of its taps
    // but one.
    const void* past = nullptr;
    int history = 0;  // 0 to 2: frames before its own that a frame sees
    // [phases, out, kernel * kernel, 1 + history, in], a frame's own channels first, then those
    // of one frame earlier, then of two.
    const void* weight = nullptr;
    const float* bias = nullptr;     // [out], or NULL
    const void* residual = nullptr;  // y's shape, or NULL
    void* y = nullptr;  // [n * grow, h', w', out]: the shape that conv_shape gives; may be residual
    Strides x_strides, residual_strides, y_strides;
    int n = 0, h = 0, w = 0, in = 0, out = 0;
    int kernel = 3;     // 1 or 3; 2 with upsample 2, and only there
    int pad = 1;        // of a 3x3 kernel: 1, zeros outside; 0, y is smaller by two
    int upsample = 1;   // 1 or 2
    int grow = 1;       // frames made of one
    float leak = 1.0f;  // slope of the activation below zero, 0 to 1: 1 is none, 0 is ReLU
    ElementType type = ElementType::kFloat32;
};

// What follows from the parameters: phases, y's size, every stride as a number.
struct ConvShape {
    int phases = 0, taps = 0;
    int inputs = 1;  // frames that a frame of y sees, its own among them
    int h = 0, w = 0;
    Conv::Strides x, residual, y;
};

// Throws std::invalid_argument where the parameters do not fit together.
ConvShape conv_shape(const Conv& params);

// Plain loops, any type. Host pointers.
void conv_cpu(const Conv& params);

// Tensor cores (wgmma), fp16 and bf16, sm_90a only. Device pointers, aligned to 16 bytes. `in` and
// `out` are multiples of 8, and so are strides. Fast where 16 divides `in`, and where `out` is 32,
// 48, 64, or a multiple of 96 or 128.
void conv_sm90(const Conv& params, CudaStream stream);

}  // namespace flashvsr::kernels
