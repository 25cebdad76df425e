// SPDX-License-Identifier: Apache-2.0
#include "kernels/norm.h"

#include <cmath>

#include "kernels/half.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
void layer_norm_row(const LayerNorm& params, const T* x, T* y, Float8E4M3* y_e4m3) {
    const T* scale = static_cast<const T*>(params.scale);
    const T* shift = static_cast<const T*>(params.shift);
    const int dim = params.dim;
    double sum = 0;
    for (int i = 0; i < dim; ++i) sum += to_float(x[i]);
    const float mean = static_cast<float>(sum / dim);
    double squares = 0;
    for (int i = 0; i < dim; ++i) {
        const double centred = to_float(x[i]) - mean;
        squares += centred * centred;
    }
    const float inverse = 1.0f / std::sqrt(static_cast<float>(squares / dim) + params.eps);
    for (int i = 0; i < dim; ++i) {
        float value = (to_float(x[i]) - mean) * inverse;
        if (params.rounding == LayerNormRounding::kModulate) {
            value = rounded<T>(rounded<T>(value) * to_float(scale[i])) + to_float(shift[i]);
        } else if (params.rounding == LayerNormRounding::kAffine) {
            value = value * to_float(scale[i]) + to_float(shift[i]);
        }
        if (y) y[i] = round_to<T>(value);
        if (y_e4m3) y_e4m3[i] = round_to<Float8E4M3>(value * params.e4m3_scale);
    }
}

template <typename T>
void rms_norm_rope_row(const RmsNormRope& params, const T* x, const float* cos_sin, T* y) {
    const T* weight = static_cast<const T*>(params.weight);
    const int dim = params.dim;
    double squares = 0;
    for (int i = 0; i < dim; ++i) {
        const double value = to_float(x[i]);
        squares += value * value;
    }
    const float inverse = 1.0f / std::sqrt(static_cast<float>(squares / dim) + params.eps);
    for (int i = 0; i < dim; i += 2) {
        const float a = rounded<T>(rounded<T>(to_float(x[i]) * inverse) * to_float(weight[i]));
        const float b =
            rounded<T>(rounded<T>(to_float(x[i + 1]) * inverse) * to_float(weight[i + 1]));
        const float cosine = cos_sin ? cos_sin[i % 128] : 1.0f;
        const float sine = cos_sin ? cos_sin[i % 128 + 1] : 0.0f;
        y[i] = round_to<T>(a * cosine - b * sine);
        y[i + 1] = round_to<T>(a * sine + b * cosine);
    }
}

}  // namespace

void layer_norm_cpu(const LayerNorm& params) {
    require(params.dim > 0 && params.dim % 8 == 0, "layer_norm takes a dim that 8 divides");
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        for (int64_t row = 0; row < params.rows; ++row) {
            const int64_t at = row * params.dim;
            T* y = static_cast<T*>(params.y);
            Float8E4M3* y_e4m3 = static_cast<Float8E4M3*>(params.y_e4m3);
            layer_norm_row(params, static_cast<const T*>(params.x) + at, y ? y + at : nullptr,
                           y_e4m3 ? y_e4m3 + at : nullptr);
        }
    });
}

void rms_norm_rope_cpu(const RmsNormRope& params) {
    require(params.dim > 0 && params.dim % 128 == 0, "rms_norm_rope takes a dim that 128 divides");
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        for (int64_t row = 0; row < params.rows; ++row) {
            const int64_t at = row * params.dim;
            rms_norm_rope_row(params, static_cast<const T*>(params.x) + at,
                              params.cos_sin ? params.cos_sin + row * 128 : nullptr,
                              static_cast<T*>(params.y) + at);
        }
    });
}

}  // namespace flashvsr::kernels
