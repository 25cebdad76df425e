// SPDX-License-Identifier: Apache-2.0
// Token norms and the roundings between their operations (docs/model.md section 6.3).
#include "models/norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/models/support.h"

namespace flashvsr {
namespace {

constexpr int64_t kRows = 40, kDim = 256;

// To the nearest of `type`, as a double.
at::Tensor rn(const at::Tensor& x, at::ScalarType type) {
    return x.to(at::kFloat).to(type).to(at::kDouble);
}

class NormTest : public ::testing::TestWithParam<at::ScalarType> {
  protected:
    NormTest() { at::manual_seed(7); }

    // Share of values that are off by more than fp32 arithmetic is. Its last bits tip a rounding to
    // half precision now and then; a rounding in another place shifts many values.
    static double differing(const at::Tensor& actual, const at::Tensor& expected) {
        const at::Tensor error = (actual.to(at::kDouble) - expected).abs();
        return (error > 2e-6 * expected.abs().clamp_min(1)).to(at::kDouble).mean().item<double>();
    }

    const at::ScalarType type_ = GetParam();
    // The second head is far larger than the first: statistics per head would show.
    const at::Tensor x_ =
        at::cat({at::randn({kRows, 128}), at::randn({kRows, 128}) * 9 + 1}, 1).to(type_);
    const at::Tensor weight_ = (at::randn({kDim}) * 0.3 + 1).to(type_);
    const at::Tensor bias_ = at::randn({kDim}).to(type_);
    const at::Tensor x64_ = x_.to(at::kDouble);
    const at::Tensor weight64_ = weight_.to(at::kDouble);
    const at::Tensor bias64_ = bias_.to(at::kDouble);
};
INSTANTIATE_TEST_SUITE_P(Types, NormTest, ::testing::Values(at::kFloat, at::kHalf, at::kBFloat16));

// docs/model.md section 15, trap 4.
TEST_P(NormTest, RmsIsOverTheWholeRowAndTheWeightComesAfterTheCast) {
    const at::Tensor mean_square = x64_.square().sum(1, true) / kDim;
    const at::Tensor expected =
        rn(rn(x64_ / at::sqrt(mean_square + 1e-6), type_) * weight64_, type_);
    EXPECT_LT(differing(rms_norm(x_, weight_), expected), 0.003);
}

TEST_P(NormTest, ModulationRoundsNormProductAndSum) {
    const at::Tensor centred = x64_ - x64_.sum(1, true) / kDim;
    const at::Tensor variance = centred.square().sum(1, true) / kDim;
    const at::Tensor normed = centred / at::sqrt(variance + 1e-6);
    EXPECT_LT(differing(layer_norm_modulate(x_, weight_, bias_),
                        rn(rn(rn(normed, type_) * weight64_, type_) + bias64_, type_)),
              0.003);
    EXPECT_LT(testing::relative_l2(layer_norm_affine(x_, weight_, bias_),
                                   rn(normed * weight64_ + bias64_, type_)),
              type_ == at::kFloat ? 1e-6 : 1e-3);
}

}  // namespace
}  // namespace flashvsr
