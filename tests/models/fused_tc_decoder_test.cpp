// SPDX-License-Identifier: Apache-2.0
// The fused decoder against the plain one in fp32.
#include "models/fused/tc_decoder.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/models/placements.h"
#include "tests/models/support.h"

namespace flashvsr {
namespace {

using testing::relative_l2;

constexpr int64_t kLatentChannels = 8, kHeight = 16, kWidth = 24;

class FusedTcDecoderTest : public ::testing::Test {
  protected:
    static TcDecoder::Config config() { return {kLatentChannels, {24, 64, 32, 64}, {}}; }

    FusedTcDecoder fused(const Placement& placement) const {
        Weights weights = Weights::from(tensors_, "random");
        return FusedTcDecoder(weights, kLatentChannels, placement);
    }
    TcDecoder plain(const Placement& placement) const {
        Weights weights = Weights::from(tensors_, "random");
        return TcDecoder(weights, kLatentChannels, {}, placement);
    }

    // Six latent frames that start a stream, then two, one and two.
    at::Tensor stream(const Decoder& decoder, const Placement& placement,
                      Decoder::State& state) const {
        const at::Tensor latents = latents_.to(placement.options());
        const at::Tensor condition = condition_.to(placement.options());
        std::vector<at::Tensor> frames;
        for (const auto& [begin, end] : {std::pair{0, 6}, {6, 8}, {8, 9}, {9, 11}}) {
            const int64_t first = begin == 0 ? 0 : 4 * begin - 3;
            frames.push_back(decoder.decode(latents.slice(1, begin, end),
                                            condition.slice(0, first, 4 * end - 3), state));
        }
        return at::cat(frames).cpu();
    }

    const testing::Seed seed_{61};
    const c10::NoGradGuard no_grad_;
    TensorMap tensors_ = testing::random_tensors(TcDecoder::manifest(config()));
    at::Tensor latents_ = at::randn({kLatentChannels, 11, kHeight / 8, kWidth / 8}) * 2;
    at::Tensor condition_ = testing::random_frames(41, kHeight, kWidth) * 3;
};

TEST_F(FusedTcDecoderTest, IsThePlainOne) {
    Decoder::State state;
    const at::Tensor expected = stream(plain({}), {}, state);
    for (const Placement& placement : testing::fused_placements()) {
        Decoder::State fused_state;
        const at::Tensor frames = stream(fused(placement), placement, fused_state);
        EXPECT_LT(relative_l2(frames, expected), testing::tolerance(placement)) << placement.dtype;
    }
}

// What a recording of a call has fixed holds for every later one.
TEST_F(FusedTcDecoderTest, StartsAgainInTheSameMemory) {
    for (const Placement& placement : testing::fused_placements()) {
        const FusedTcDecoder decoder = fused(placement);
        Decoder::State state;
        const at::Tensor first = stream(decoder, placement, state);
        std::vector<const void*> addresses;
        for (const at::Tensor& memory : state.memory) addresses.push_back(memory.data_ptr());
        EXPECT_TRUE(at::equal(stream(decoder, placement, state), first));
        for (size_t i = 0; i < addresses.size(); ++i)
            EXPECT_EQ(state.memory[i].data_ptr(), addresses[i]);
    }
}

TEST_F(FusedTcDecoderTest, IsForTheReleasedGraphAlone) {
    EXPECT_TRUE(FusedTcDecoder::supports(TcDecoder::Config{}));
    TcDecoder::Config other;
    other.graph.leak = 0.1;
    EXPECT_FALSE(FusedTcDecoder::supports(other));
}

TEST_F(FusedTcDecoderTest, RefusesAConditionOfAnotherLength) {
    Decoder::State state;
    EXPECT_THROW(fused({}).decode(latents_, condition_.slice(0, 1), state), c10::Error);
    EXPECT_THROW(fused({}).decode(latents_.slice(1, 1), condition_.slice(0, 1), state), c10::Error);
}

}  // namespace
}  // namespace flashvsr
