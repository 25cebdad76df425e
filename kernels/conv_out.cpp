// SPDX-License-Identifier: Apache-2.0
#include "kernels/conv_out.h"

#include "kernels/half.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

// Channel `o` of pixel (row, column) of a frame that begins at x.
template <typename T>
float pixel(const ConvOut& params, const T* x, int o, int row, int column) {
    const T* weight = static_cast<const T*>(params.weight) + int64_t{o} * 9 * params.in;
    float sum = 0;
    for (int tap = 0; tap < 9; ++tap) {
        const int r = row + tap / 3 - 1, c = column + tap % 3 - 1;
        if (r < 0 || r >= params.h || c < 0 || c >= params.w) continue;
        const T* from = x + (int64_t{r} * params.w + c) * params.in;
        for (int i = 0; i < params.in; ++i) {
            sum += to_float(from[i]) * to_float(weight[tap * params.in + i]);
        }
    }
    return sum * params.scale + (params.bias ? params.bias[o] : 0.0f);
}

template <typename T, typename Y>
void convolve(const ConvOut& params) {
    const int64_t area = int64_t{params.h} * params.w;
    for (int frame = 0; frame < params.n; ++frame) {
        const T* x = static_cast<const T*>(params.x) + frame * area * params.in;
        Y* y = static_cast<Y*>(params.y) + frame * 3 * area;
        for (int o = 0; o < 3; ++o) {
            for (int row = 0; row < params.h; ++row) {
                for (int column = 0; column < params.w; ++column) {
                    *y++ = round_to<Y>(pixel(params, x, o, row, column));
                }
            }
        }
    }
}

}  // namespace

void conv_out_cpu(const ConvOut& params) {
    if (params.type == ElementType::kFloat8E4M3) {
        return with_host_type(params.y_type,
                              [&](auto y) { convolve<Float8E4M3, decltype(y)>(params); });
    }
    require(params.y_type == params.type, "conv_out makes what it takes, unless that is e4m3");
    with_host_type(params.type, [&](auto x) { convolve<decltype(x), decltype(x)>(params); });
}

}  // namespace flashvsr::kernels
