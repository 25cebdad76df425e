// SPDX-License-Identifier: Apache-2.0
// Norms on the CPU, against the formulas of docs/model.md section 6.3 in double with a rounding to
// the element type at each place the formula names.
#include "kernels/norm.h"

#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

constexpr int kRows = 5, kDim = 256;

template <typename T>
double rn(double value) {
    return rounded<T>(static_cast<float>(value));
}

template <typename T>
class NormTest : public testing::Test {
  protected:
    std::vector<T> x_ = to_type<T>(random_normal(kRows * kDim, 1, 3.0f));
    std::vector<T> scale_ = to_type<T>(random_uniform(kDim, 2, 0.5f, 1.5f));
    std::vector<T> shift_ = to_type<T>(random_normal(kDim, 3));

    double x(int row, int i) const { return to_float(x_[row * kDim + i]); }
    double scale(int i) const { return to_float(scale_[i]); }
    double shift(int i) const { return to_float(shift_[i]); }

    // The values, all but a few last bits where fp32 statistics tip a rounding.
    void expect_close(const std::vector<T>& y, const std::vector<double>& expected) const {
        const double tolerance = sizeof(T) == 4 ? 1e-6 : 2e-4;
        EXPECT_LT(relative_l2(to_floats(y), expected), tolerance);
    }
};
using NormTypes = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(NormTest, NormTypes);

TYPED_TEST(NormTest, LayerNormRoundsWhereTheSpecSays) {
    using T = TypeParam;
    for (const auto rounding :
         {LayerNormRounding::kModulate, LayerNormRounding::kAffine, LayerNormRounding::kPlain}) {
        std::vector<double> expected, expected_e4m3;
        for (int row = 0; row < kRows; ++row) {
            double mean = 0, variance = 0;
            for (int i = 0; i < kDim; ++i) mean += this->x(row, i) / kDim;
            for (int i = 0; i < kDim; ++i) variance += std::pow(this->x(row, i) - mean, 2) / kDim;
            for (int i = 0; i < kDim; ++i) {
                const double n = (this->x(row, i) - mean) / std::sqrt(variance + 1e-6);
                const double scale = this->scale(i), shift = this->shift(i);
                const double value = rounding == LayerNormRounding::kModulate
                                         ? rn<T>(rn<T>(n) * scale) + shift
                                     : rounding == LayerNormRounding::kAffine ? n * scale + shift
                                                                              : n;
                expected.push_back(rn<T>(value));
                expected_e4m3.push_back(rn<Float8E4M3>(value * 8));
            }
        }
        std::vector<T> y = poisoned<T>(kRows * kDim);
        auto y_e4m3 = poisoned<Float8E4M3>(kRows * kDim);
        LayerNorm params;
        params.x = this->x_.data();
        if (rounding != LayerNormRounding::kPlain) {
            params.scale = this->scale_.data();
            params.shift = this->shift_.data();
        }
        params.y = y.data();
        params.y_e4m3 = y_e4m3.data();
        params.rows = kRows;
        params.dim = kDim;
        params.rounding = rounding;
        params.type = element_type_of<T>();
        layer_norm_cpu(params);
        this->expect_close(y, expected);
        EXPECT_LT(relative_l2(to_floats(y_e4m3), expected_e4m3), 3e-3);
    }
}

TYPED_TEST(NormTest, RmsNormIsOverTheRowAndTurnsAdjacentPairsOfEachHead) {
    using T = TypeParam;
    const auto angles = random_uniform(kRows * 64, 4, -4.0f, 4.0f);
    std::vector<float> cos_sin;
    for (const float angle : angles) {
        cos_sin.push_back(std::cos(angle));
        cos_sin.push_back(std::sin(angle));
    }
    for (const bool rotate : {true, false}) {
        std::vector<double> expected;
        for (int row = 0; row < kRows; ++row) {
            double mean = 0;
            for (int i = 0; i < kDim; ++i) mean += std::pow(this->x(row, i), 2) / kDim;
            const auto normed = [&](int i) {
                return rn<T>(rn<T>(this->x(row, i) / std::sqrt(mean + 1e-6)) * this->scale(i));
            };
            for (int i = 0; i < kDim; i += 2) {
                const double a = normed(i), b = normed(i + 1);
                const double angle = rotate ? angles[row * 64 + i % 128 / 2] : 0.0;
                expected.push_back(rn<T>(a * std::cos(angle) - b * std::sin(angle)));
                expected.push_back(rn<T>(a * std::sin(angle) + b * std::cos(angle)));
            }
        }
        std::vector<T> y = this->x_;  // in place
        RmsNormRope params;
        params.x = y.data();
        params.weight = this->scale_.data();
        params.cos_sin = rotate ? cos_sin.data() : nullptr;
        params.y = y.data();
        params.rows = kRows;
        params.dim = kDim;
        params.type = element_type_of<T>();
        rms_norm_rope_cpu(params);
        this->expect_close(y, expected);
    }
}

TEST(Norm, RefusesDimensionsThatDoNotFit) {
    LayerNorm layer;
    layer.dim = 12;
    EXPECT_THROW(layer_norm_cpu(layer), std::invalid_argument);
    RmsNormRope rms;
    rms.dim = 192;
    EXPECT_THROW(rms_norm_rope_cpu(rms), std::invalid_argument);
}

}  // namespace
}  // namespace flashvsr::kernels
