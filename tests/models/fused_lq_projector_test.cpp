// SPDX-License-Identifier: Apache-2.0
// The fused projector against the plain one in fp32.
#include "models/fused/lq_projector.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/models/placements.h"
#include "tests/models/support.h"

namespace flashvsr {
namespace {

using testing::relative_l2;

constexpr WindowGrid kGrid = {1, 3};
constexpr LqProjector::Config kConfig = {/*dim=*/16, /*hidden1=*/24, /*hidden2=*/40, /*layers=*/2};

class FusedLqProjectorTest : public ::testing::TestWithParam<ModelVersion> {
  protected:
    FusedLqProjector fused(const Placement& placement) const {
        Weights weights = Weights::from(tensors_, "random");
        return FusedLqProjector(weights, kConfig.dim, GetParam(), placement);
    }
    LqProjector plain() const {
        Weights weights = Weights::from(tensors_, "random");
        return LqProjector(weights, kConfig.dim, GetParam(), Placement{});
    }

    // The tokens of a stream of chunks of 16 and 8 frames after the first, layer by layer.
    std::vector<at::Tensor> stream(const Projector& projector, const Placement& placement,
                                   Projector::State& state) const {
        const at::Tensor frames = frames_.to(placement.options());
        projector.begin(frames[0], state);
        std::vector<at::Tensor> all;
        for (const auto& [begin, end] : {std::pair{1, 17}, {17, 25}})
            for (const at::Tensor& tokens :
                 projector.project(frames.slice(0, begin, end), kGrid, state))
                all.push_back(tokens.cpu());
        return all;
    }

    const testing::Seed seed_{67};
    const c10::NoGradGuard no_grad_;
    TensorMap tensors_ = testing::random_tensors(LqProjector::manifest(kConfig));
    at::Tensor frames_ = testing::random_frames(25, kGrid.height(), kGrid.width());
};

TEST_P(FusedLqProjectorTest, IsThePlainOne) {
    Projector::State state;
    const auto expected = stream(plain(), {}, state);
    for (const Placement& placement : testing::fused_placements()) {
        Projector::State fused_state;
        const auto tokens = stream(fused(placement), placement, fused_state);
        ASSERT_EQ(tokens.size(), expected.size());
        for (size_t i = 0; i < tokens.size(); ++i)
            EXPECT_LT(relative_l2(tokens[i], expected[i]), testing::tolerance(placement))
                << placement.dtype << ", tensor " << i;
    }
}

// What a recording of a call has fixed holds for every later one.
TEST_P(FusedLqProjectorTest, StartsAgainInTheSameMemory) {
    for (const Placement& placement : testing::fused_placements()) {
        const FusedLqProjector projector = fused(placement);
        Projector::State state;
        const auto first = stream(projector, placement, state);
        const Projector::State before = state;
        const auto second = stream(projector, placement, state);
        for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(first[i], second[i]));
        if (GetParam() == ModelVersion::k1) continue;
        EXPECT_EQ(state.conv1_past.data_ptr(), before.conv1_past.data_ptr());
        EXPECT_EQ(state.conv2_past.data_ptr(), before.conv2_past.data_ptr());
    }
}

INSTANTIATE_TEST_SUITE_P(Version, FusedLqProjectorTest,
                         ::testing::Values(ModelVersion::k1, ModelVersion::k1_1),
                         [](const auto& info) {
                             return info.param == ModelVersion::k1 ? "1" : "1_1";
                         });

}  // namespace
}  // namespace flashvsr
