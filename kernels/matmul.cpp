// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul.h"

#include <cmath>

#include "kernels/half.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

float gelu(float u) {
    constexpr float kSlope = 0.7978845608f;  // sqrt(2 / pi)
    return 0.5f * u * (1.0f + std::tanh(kSlope * (u + 0.044715f * u * u * u)));
}

// X: of x and weight; B: of bias; Y: of y.
template <typename X, typename B, typename Y>
void multiply(const Matmul& params) {
    const float scale = params.x_scale ? *params.x_scale * *params.weight_scale : 1.0f;
    const float y_scale = params.y_scale ? *params.y_scale : 1.0f;
    const B* bias = static_cast<const B*>(params.bias);
    for (int64_t row = 0; row < params.rows; ++row) {
        const X* x = static_cast<const X*>(params.x) + row * params.in;
        Y* y = static_cast<Y*>(params.y) + row * params.out;
        for (int column = 0; column < params.out; ++column) {
            const X* weight = static_cast<const X*>(params.weight) + int64_t{column} * params.in;
            float sum = 0;
            for (int i = 0; i < params.in; ++i) sum += to_float(x[i]) * to_float(weight[i]);
            sum = sum * scale + to_float(bias[column]);
            if (params.epilogue == MatmulEpilogue::kGelu) sum = gelu(sum);
            if (params.epilogue == MatmulEpilogue::kAdd) sum += to_float(y[column]);
            y[column] = round_to<Y>(sum * y_scale);
        }
    }
}

}  // namespace

void matmul_cpu(const Matmul& params) {
    require(!params.x_scale == !params.weight_scale, "matmul takes both input scales or none");
    require(!params.y_scale || (params.x_scale && params.epilogue != MatmulEpilogue::kAdd),
            "matmul gives e4m3 only from e4m3 and without adding");
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        if (!params.x_scale) return multiply<T, T, T>(params);
        if (!params.y_scale) return multiply<Float8E4M3, T, T>(params);
        return multiply<Float8E4M3, T, Float8E4M3>(params);
    });
}

}  // namespace flashvsr::kernels
