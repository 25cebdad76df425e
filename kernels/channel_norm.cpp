// SPDX-License-Identifier: Apache-2.0
#include "kernels/channel_norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/half.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
void norm_row(const ChannelNorm& p, const T* x, std::vector<T>& y) {
    const T* bias = static_cast<const T*>(p.bias);
    const T* gamma = static_cast<const T*>(p.gamma);
    const int channels = p.shape.channels;
    double squares = 0;
    for (int c = 0; c < channels; ++c) {
        const float v = to_float(x[c]) + to_float(bias[c]);
        squares += double{v} * v;
    }
    const float length = std::max(static_cast<float>(std::sqrt(squares)), 1e-12f);
    const float scale = std::sqrt(static_cast<float>(channels)) / length;
    for (int c = 0; c < channels; ++c) {
        const float v = (to_float(x[c]) + to_float(bias[c])) * scale * to_float(gamma[c]);
        y[c] = round_to<T>(v / (1.0f + std::exp(-v)));
    }
}

template <typename T>
void store_row(const ChannelNorm& p, int64_t frame, int row, int column, const std::vector<T>& y) {
    if (p.tokens) {
        std::copy(
            y.begin(), y.end(),
            static_cast<T*>(p.tokens) + window_row(p.shape, frame, row, column) * p.shape.channels);
        return;
    }
    put_taps<T>(
        p.stack, p.shape, frame, row, column, 0, [&](T* to) { std::copy(y.begin(), y.end(), to); },
        [&](const T* from, T* to) { std::copy(from, from + y.size(), to); });
}

}  // namespace

void channel_norm_cpu(const ChannelNorm& p) {
    require(p.shape.channels > 0 && p.shape.channels % 8 == 0,
            "channel_norm takes a number of channels that 8 divides");
    with_host_type(p.type, [&](auto tag) {
        using T = decltype(tag);
        const T* x = static_cast<const T*>(p.x);
        std::vector<T> y(p.shape.channels);
        for (int64_t frame = 0; frame < p.shape.frames; ++frame)
            for (int row = 0; row < p.shape.height; ++row)
                for (int column = 0; column < p.shape.width; ++column, x += p.shape.channels) {
                    norm_row(p, x, y);
                    store_row(p, frame, row, column, y);
                }
    });
}

}  // namespace flashvsr::kernels
