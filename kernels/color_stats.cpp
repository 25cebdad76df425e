// SPDX-License-Identifier: Apache-2.0
#include "kernels/color_stats.h"

#include <algorithm>
#include <cmath>

#include "kernels/half.h"

namespace flashvsr::kernels {
namespace {

struct Statistics {
    double mean, deviation;
};

// Mean and deviation of value * scale + shift.
template <typename T>
Statistics statistics(const ModelPlanes& planes, int plane, const ColorStats& params, double scale,
                      double shift) {
    const T* data = static_cast<const T*>(planes.data) + plane * planes.plane_stride;
    const double count = double(params.height) * params.width;
    double sum = 0, squares = 0;
    for (int y = 0; y < params.height; ++y) {
        for (int x = 0; x < params.width; ++x) {
            const double value = to_float(data[y * planes.row_stride + x]) * scale + shift;
            sum += value;
            squares += value * value;
        }
    }
    const double mean = sum / count;
    return {mean, std::sqrt(std::max(squares / count - mean * mean, 0.0) + kColorVarianceFloor)};
}

}  // namespace

void color_stats_cpu(const ColorStats& params) {
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        for (int plane = 0; plane < params.frames * 3; ++plane) {
            const Statistics own = statistics<T>(params.decoded, plane, params, 2.0, -1.0);
            const Statistics wanted = statistics<T>(params.reference, plane, params, 1.0, 0.0);
            const double gain = wanted.deviation / own.deviation;
            params.affine[2 * plane] = static_cast<float>(gain);
            params.affine[2 * plane + 1] = static_cast<float>(wanted.mean - own.mean * gain);
        }
    });
}

}  // namespace flashvsr::kernels
