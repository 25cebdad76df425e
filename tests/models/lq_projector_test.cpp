// SPDX-License-Identifier: Apache-2.0
// The projector against docs/model.md section 5, computed in double with 3-D convolutions over
// whole clips.
#include "models/plain/lq_projector.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/models/support.h"

namespace flashvsr {
namespace {

using testing::relative_l2;

constexpr WindowGrid kGrid = {1, 2};
constexpr LqProjector::Config kConfig = {/*dim=*/7, /*hidden1=*/6, /*hidden2=*/5, /*layers=*/2};

// The formulas; clips are [C, T, h, w].
class Formula {
  public:
    explicit Formula(const TensorMap& tensors) : tensors_(testing::in_double(tensors)) {}

    static at::Tensor tokens_of(const at::Tensor& frames) {
        return testing::blocks_to_channels(frames.to(at::kDouble), 16).transpose(0, 1);
    }

    // Convolution `index` without padding in time, then norm and SiLU.
    at::Tensor layer(const std::string& index, const at::Tensor& x) const {
        auto repeat_border = [](const at::Tensor& clip, int64_t axis) {
            const int64_t size = clip.size(axis);
            return clip.index_select(axis, at::arange(-1, size + 1).clamp(0, size - 1));
        };
        const at::Tensor padded = repeat_border(repeat_border(x, 2), 3);
        const at::Tensor y = at::conv3d(padded.unsqueeze(0), at("conv" + index + ".weight"),
                                        at("conv" + index + ".bias"), {2, 1, 1})
                                 .squeeze(0);
        const at::Tensor length = y.square().sum(0, true).sqrt().clamp_min(1e-12);
        const at::Tensor normed =
            y / length * std::sqrt(static_cast<double>(y.size(0))) * at("norm" + index + ".gamma");
        return normed * at::sigmoid(normed);
    }

    // Tokens in the order (frame, row, column), [T * h * w, dim].
    at::Tensor linear(const std::string& index, const at::Tensor& z) const {
        const at::Tensor rows = z.permute({1, 2, 3, 0}).reshape({-1, z.size(0)});
        return at::matmul(rows, at("linear_layers." + index + ".weight").t()) +
               at("linear_layers." + index + ".bias");
    }

  private:
    const at::Tensor& at(const std::string& name) const { return tensors_.at(name); }

    TensorMap tensors_;
};

class LqProjectorTest : public ::testing::Test {
  protected:
    LqProjector projector(ModelVersion version) const {
        Weights weights = Weights::from(tensors_, "random");
        return LqProjector(weights, kConfig.dim, version, Placement{});
    }

    // Runs a stream in chunks of 24, 8 and 8 frames; returns the tokens of all 10 latent frames per
    // linear layer, in the order (frame, row, column).
    std::vector<at::Tensor> stream(ModelVersion version) const {
        const LqProjector network = projector(version);
        LqProjector::State state;
        network.begin(frames_[0], state);
        std::vector<std::vector<at::Tensor>> chunks(kConfig.layers);
        for (const auto& [begin, end] : {std::pair{1, 25}, {25, 33}, {33, 41}}) {
            const auto tokens = network.project(frames_.slice(0, begin, end), kGrid, state);
            for (size_t i = 0; i < chunks.size(); ++i)
                chunks[i].push_back(
                    tokens.at(i).index_select(0, testing::raster_index(kGrid, (end - begin) / 4)));
        }
        std::vector<at::Tensor> all;
        for (const auto& layer : chunks) all.push_back(at::cat(layer));
        return all;
    }

    const testing::Seed seed_{5};
    TensorMap tensors_ = testing::random_tensors(LqProjector::manifest(kConfig));
    at::Tensor frames_ = testing::random_frames(41, kGrid.height(), kGrid.width());
};

// Sums in another order, which the processor decides, differ by 3.4e-6 with AVX2, 1e-6 with SSE.
constexpr double kRounding = 1e-5;

// docs/model.md section 15, traps 1 and 2: convolution 1 sees x2 x3 x0 x1 x2 x3 of each group,
// convolution 2 y0 y1 y0 y1.
TEST_F(LqProjectorTest, Version1PrecedesEachGroupWithItsOwnLastFrames) {
    const Formula formula(tensors_);
    std::vector<at::Tensor> groups;
    for (int64_t first = 1; first < frames_.size(0); first += 4) {
        const at::Tensor x = Formula::tokens_of(frames_.slice(0, first, first + 4));
        const at::Tensor y = formula.layer("1", at::cat({x.slice(1, 2, 4), x}, 1));
        groups.push_back(formula.layer("2", at::cat({y, y}, 1)));
    }
    const at::Tensor z = at::cat(groups, 1);
    const auto tokens = stream(ModelVersion::k1);
    ASSERT_EQ(tokens.size(), 2u);
    EXPECT_LT(relative_l2(tokens[0], formula.linear("0", z)), kRounding);
    EXPECT_LT(relative_l2(tokens[1], formula.linear("1", z)), kRounding);
}

// Chunk by chunk it is the one causal pass over f0 f0 f0 f0 f0, f0 f1 f2 ...
TEST_F(LqProjectorTest, Version1_1IsOneCausalPassOverTheStream) {
    const Formula formula(tensors_);
    const at::Tensor past = frames_.slice(0, 0, 1).expand({5, -1, -1, -1});
    const at::Tensor y = formula.layer("1", Formula::tokens_of(at::cat({past, frames_}, 0)));
    const at::Tensor z = formula.layer("2", y);
    const auto tokens = stream(ModelVersion::k1_1);
    ASSERT_EQ(tokens.size(), 2u);
    EXPECT_LT(relative_l2(tokens[0], formula.linear("0", z)), kRounding);
    EXPECT_LT(relative_l2(tokens[1], formula.linear("1", z)), kRounding);
}

}  // namespace
}  // namespace flashvsr
