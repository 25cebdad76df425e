// SPDX-License-Identifier: Apache-2.0
#include "kernels/conv.h"

#include <algorithm>
#include <vector>

#include "kernels/half.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

Conv::Strides resolved(const Conv::Strides& given, int h, int w, int channels) {
    Conv::Strides strides = given;
    if (strides.pixel == 0) strides.pixel = channels;
    if (strides.row == 0) strides.row = strides.pixel * w;
    if (strides.frame == 0) strides.frame = strides.row * h;
    return strides;
}

int64_t offset(const Conv::Strides& strides, int frame, int row, int column) {
    return frame * strides.frame + row * strides.row + column * strides.pixel;
}

// The kernel's row (or column) `k` of phase `p` looks at row y + k - before of the input.
int before(const Conv& params, int p) {
    if (params.upsample == 2) return 1 - p;
    return params.kernel == 3 ? params.pad : 0;
}

// One pixel: y and sums are [out].
template <typename T>
struct Pixel {
    const Conv& params;
    const ConvShape& shape;
    int phase, frame, row, column;  // of the input
    std::vector<float>& sums;

    void accumulate(const T* x, const T* weight) const {
        const int channels = params.in * shape.inputs;
        for (int o = 0; o < params.out; ++o) {
            const T* w = weight + int64_t{o} * shape.taps * channels;
            float sum = 0;
            for (int i = 0; i < params.in; ++i) sum += to_float(x[i]) * to_float(w[i]);
            sums[o] += sum;
        }
    }

    void convolve() const {
        const int py = phase / params.upsample % params.upsample, px = phase % params.upsample;
        const int channels = params.in * shape.inputs;
        const T* weight = static_cast<const T*>(params.weight) +
                          int64_t{phase} * params.out * shape.taps * channels;
        for (int tap = 0; tap < shape.taps; ++tap) {
            const int r = row + tap / params.kernel - before(params, py);
            const int c = column + tap % params.kernel - before(params, px);
            if (r < 0 || r >= params.h || c < 0 || c >= params.w) continue;
            for (int input = 0; input < shape.inputs; ++input)
                accumulate(frame_before(input) + offset(shape.x, 0, r, c),
                           weight + tap * channels + input * params.in);
        }
    }

    // The frame `input` frames earlier.
    const T* frame_before(int input) const {
        const int t = frame - input;
        return t < 0 ? static_cast<const T*>(params.past) + (t + params.history) * shape.x.frame
                     : static_cast<const T*>(params.x) + t * shape.x.frame;
    }

    void write() const {
        const int py = phase / params.upsample % params.upsample, px = phase % params.upsample;
        const int f = phase / (params.upsample * params.upsample);
        const int t = frame * params.grow + f;
        const int r = row * params.upsample + py, c = column * params.upsample + px;
        const T* residual = static_cast<const T*>(params.residual);
        T* y = static_cast<T*>(params.y) + offset(shape.y, t, r, c);
        for (int o = 0; o < params.out; ++o) {
            float value = sums[o];
            if (params.bias) value += params.bias[o];
            if (residual) value += to_float(residual[offset(shape.residual, t, r, c) + o]);
            y[o] = round_to<T>(value > 0 ? value : params.leak * value);
        }
    }
};

template <typename T>
void convolve(const Conv& params, const ConvShape& shape) {
    std::vector<float> sums(params.out);
    for (int phase = 0; phase < shape.phases; ++phase) {
        for (int frame = 0; frame < params.n; ++frame) {
            for (int row = 0; row < shape.h / params.upsample; ++row) {
                for (int column = 0; column < shape.w / params.upsample; ++column) {
                    std::fill(sums.begin(), sums.end(), 0.0f);
                    const Pixel<T> pixel{params, shape, phase, frame, row, column, sums};
                    pixel.convolve();
                    pixel.write();
                }
            }
        }
    }
}

}  // namespace

ConvShape conv_shape(const Conv& params) {
    require(params.n >= 0 && params.h > 0 && params.w > 0 && params.in > 0 && params.out > 0,
            "conv takes frames with rows, columns and channels");
    require(params.upsample == 1 || params.upsample == 2, "conv resizes by 1 or 2");
    require(params.upsample == 2 ? params.kernel == 2 : params.kernel == 1 || params.kernel == 3,
            "conv has 1x1 or 3x3 taps, or 2x2 where it resizes by 2");
    require(params.pad == 0 || params.pad == 1, "conv pads by 0 or 1");
    require(params.leak >= 0 && params.leak <= 1, "conv's slope below zero is 0 to 1");
    require(params.grow >= 1, "conv makes at least one frame of one");
    require(params.history >= 0 && params.history <= 2, "conv sees at most two earlier frames");
    require((params.history > 0) == (params.past != nullptr),
            "conv takes a past exactly where it sees earlier frames");
    ConvShape shape;
    shape.phases = params.grow * params.upsample * params.upsample;
    shape.taps = params.kernel * params.kernel;
    shape.inputs = 1 + params.history;
    const int cut = params.kernel == 3 && params.pad == 0 ? 2 : 0;
    require(params.h > cut && params.w > cut, "conv without padding takes at least three rows");
    shape.h = (params.h - cut) * params.upsample;
    shape.w = (params.w - cut) * params.upsample;
    shape.x = resolved(params.x_strides, params.h, params.w, params.in);
    shape.residual = resolved(params.residual_strides, shape.h, shape.w, params.out);
    shape.y = resolved(params.y_strides, shape.h, shape.w, params.out);
    return shape;
}

void conv_cpu(const Conv& params) {
    const ConvShape shape = conv_shape(params);
    with_host_type(params.type, [&](auto tag) { convolve<decltype(tag)>(params, shape); });
}

}  // namespace flashvsr::kernels
