// SPDX-License-Identifier: Apache-2.0
// The plain matmul against its formula in double.
#include "kernels/matmul.h"

#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

double gelu(double u) {
    return u / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (u + 0.044715 * u * u * u)));
}

// x W^T + b, what y holds added where asked.
std::vector<float> formula(const std::vector<float>& x, const std::vector<float>& weight,
                           const std::vector<float>& bias, const std::vector<float>& y,
                           MatmulEpilogue epilogue) {
    const size_t out = bias.size(), in = weight.size() / out;
    std::vector<float> result = y;
    for (size_t i = 0; i < y.size(); ++i) {
        double sum = bias[i % out];
        for (size_t j = 0; j < in; ++j)
            sum += double{x[i / out * in + j]} * double{weight[i % out * in + j]};
        if (epilogue == MatmulEpilogue::kGelu) sum = gelu(sum);
        if (epilogue == MatmulEpilogue::kAdd) sum += double{y[i]};
        result[i] = static_cast<float>(sum);
    }
    return result;
}

constexpr float kLargest = 448.0f;  // of e4m3
constexpr MatmulEpilogue kEpilogues[] = {MatmulEpilogue::kBias, MatmulEpilogue::kGelu,
                                         MatmulEpilogue::kAdd};

TEST(Matmul, IsTheFormula) {
    const int rows = 5, in = 24, out = 16;
    const auto x = random_normal(rows * in, 1), weight = random_normal(out * in, 2, 0.3f);
    const auto bias = random_normal(out, 3), before = random_normal(rows * out, 4);
    for (const MatmulEpilogue epilogue : kEpilogues) {
        std::vector<float> y = before;
        Matmul params;
        params.x = x.data();
        params.weight = weight.data();
        params.bias = bias.data();
        params.y = y.data();
        params.rows = rows;
        params.in = in;
        params.out = out;
        params.epilogue = epilogue;
        matmul_cpu(params);
        EXPECT_LT(relative_l2(y, formula(x, weight, bias, before, epilogue)), 1e-6);
    }
}

// A stored value times its scale is the value; what is too large for e4m3 becomes the largest.
TEST(Matmul, ScalesWhatIsStoredInEightBits) {
    const int rows = 4, in = 32, out = 16;
    const float x_scale = 1.0f / 8, weight_scale = 1.0f / 64, y_scale = 32.0f;
    const auto x = to_type<Float8E4M3>(random_normal(rows * in, 1, 8.0f));
    auto weight = to_type<Float8E4M3>(random_normal(out * in, 2, 16.0f));
    const auto bias = random_normal(out, 3);
    for (int i = 0; i < in; ++i) weight[i] = round_to<Float8E4M3>(to_float(x[i]) * 8);
    std::vector<Float8E4M3> y(rows * out);
    Matmul params;
    params.x = x.data();
    params.weight = weight.data();
    params.bias = bias.data();
    params.y = y.data();
    params.x_scale = &x_scale;
    params.weight_scale = &weight_scale;
    params.y_scale = &y_scale;
    params.rows = rows;
    params.in = in;
    params.out = out;
    matmul_cpu(params);

    auto scaled = [](std::vector<float> values, float scale) {
        for (float& value : values) value *= scale;
        return values;
    };
    auto expected =
        scaled(formula(scaled(to_floats(x), x_scale), scaled(to_floats(weight), weight_scale), bias,
                       std::vector<float>(y.size()), MatmulEpilogue::kBias),
               y_scale);
    EXPECT_GT(expected[0], kLargest) << "the case is about saturation";
    for (size_t i = 0; i < y.size(); ++i)
        EXPECT_NEAR(to_float(y[i]), std::clamp(expected[i], -kLargest, kLargest),
                    std::abs(expected[i]) / 15 + 1e-3);
}

}  // namespace
}  // namespace flashvsr::kernels
