// SPDX-License-Identifier: Apache-2.0
// The fused decoders of VAEs against the plain ones in fp32.
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "models/decoders.h"
#include "models/decoders/wan_decoder.h"
#include "models/fused/taehv_decoder.h"
#include "models/fused/wan_decoder.h"
#include "tests/models/placements.h"
#include "tests/models/support.h"

namespace flashvsr {
namespace {

using Family = DecoderType::Family;

constexpr int64_t kHeight = 3, kWidth = 5;  // latents

Manifest manifest_of(const DecoderType& type) {
    switch (type.family) {
        case Family::kWan21: return WanDecoder::manifest(WanVersion::k2_1, 8);
        case Family::kWan22: return WanDecoder::manifest(WanVersion::k2_2, 8);
        default:
            return TaehvDecoder::manifest(
                {type.latent_channels, {24, 16, 8, 64}, type.needs_adapter() ? 2 : 1});
    }
}

class FusedVae : public ::testing::TestWithParam<const char*> {
  protected:
    std::unique_ptr<const Decoder> fused(const Placement& placement) const {
        Weights weights = Weights::from(tensors_, "random");
        if (type_.family == Family::kTaehv)
            return std::make_unique<FusedTaehvDecoder>(weights, type_.graph, placement);
        const auto version = type_.family == Family::kWan21 ? WanVersion::k2_1 : WanVersion::k2_2;
        return std::make_unique<FusedWanDecoder>(weights, version, placement);
    }
    std::unique_ptr<const Decoder> plain() const {
        Weights weights = Weights::from(tensors_, "random");
        return load_own_decoder(type_, weights, Placement{});
    }

    // Four latent frames that start a stream, then one, two and one.
    at::Tensor stream(const Decoder& decoder, const Placement& placement,
                      Decoder::State& state) const {
        const at::Tensor latents = latents_.to(placement.options());
        const int64_t pixels = type_.needs_adapter() ? 16 : 8;
        std::vector<at::Tensor> frames;
        for (const auto& [begin, end] : {std::pair{0, 4}, {4, 5}, {5, 7}, {7, 8}}) {
            const int64_t count = 4 * (end - begin) - (begin == 0 ? 3 : 0);
            const at::Tensor condition =
                at::empty({count, 3, pixels * kHeight, pixels * kWidth}, latents.options());
            frames.push_back(decoder.decode(latents.slice(1, begin, end), condition, state));
        }
        return at::cat(frames).cpu();
    }

    const testing::Seed seed_{71};
    const c10::NoGradGuard no_grad_;
    const DecoderType& type_ = decoder_type(GetParam());
    TensorMap tensors_ = testing::random_tensors(manifest_of(type_));
    at::Tensor latents_ = at::randn({type_.latent_channels, 8, kHeight, kWidth});
};

TEST_P(FusedVae, IsThePlainOne) {
    Decoder::State state;
    const at::Tensor expected = stream(*plain(), {}, state);
    for (const Placement& placement : testing::fused_placements()) {
        Decoder::State fused_state;
        const auto decoder = fused(placement);
        EXPECT_EQ(decoder->parameters(), plain()->parameters());
        EXPECT_LT(testing::relative_l2(stream(*decoder, placement, fused_state), expected),
                  testing::tolerance(placement))
            << placement.dtype;
    }
}

// What a recording of a call has fixed holds for every later one.
TEST_P(FusedVae, StartsAgainInTheSameMemory) {
    for (const Placement& placement : testing::fused_placements()) {
        const auto decoder = fused(placement);
        ASSERT_TRUE(decoder->in_place());
        Decoder::State state;
        const at::Tensor first = stream(*decoder, placement, state);
        std::vector<const void*> addresses;
        for (const at::Tensor& memory : state.memory) addresses.push_back(memory.data_ptr());
        EXPECT_TRUE(at::equal(stream(*decoder, placement, state), first));
        for (size_t i = 0; i < addresses.size(); ++i)
            EXPECT_EQ(state.memory[i].data_ptr(), addresses[i]);
    }
}

// The widths decide which tiles and which attention a GPU takes; on the CPU they would take
// minutes.
TEST(FusedWan, IsThePlainOneAtReleasedWidths) {
    if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
    const testing::Seed seed(72);
    const c10::NoGradGuard no_grad;
    for (const int64_t width : {24, 96}) {
        const TensorMap tensors =
            testing::random_tensors(WanDecoder::manifest(WanVersion::k2_1, width));
        const at::Tensor latents = at::randn({16, 4, 5, 9});
        auto decode = [&](const Decoder& decoder, const Placement& placement) {
            Decoder::State state;
            std::vector<at::Tensor> frames;
            for (const auto& [begin, end] : {std::pair{0, 2}, {2, 4}}) {
                const at::Tensor condition = at::empty(
                    {4 * (end - begin) - (begin == 0 ? 3 : 0), 3, 40, 72}, placement.options());
                frames.push_back(decoder.decode(
                    latents.slice(1, begin, end).to(placement.options()), condition, state));
            }
            return at::cat(frames).cpu();
        };
        Weights for_plain = Weights::from(tensors, "random");
        const at::Tensor expected =
            decode(WanDecoder(for_plain, WanVersion::k2_1, Placement{}), Placement{});
        for (const Placement& placement : testing::fused_placements()) {
            if (!placement.device.is_cuda()) continue;
            Weights weights = Weights::from(tensors, "random");
            const FusedWanDecoder decoder(weights, WanVersion::k2_1, placement);
            EXPECT_LT(testing::relative_l2(decode(decoder, placement), expected),
                      testing::tolerance(placement))
                << width << " " << placement.dtype;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Types, FusedVae,
                         ::testing::Values("taew2.1", "lighttaew2.1", "tae-w2.2", "tae-hv",
                                           "wan2.1", "wan2.2"),
                         [](const auto& info) {
                             std::string name = info.param;
                             for (char& c : name)
                                 if (!std::isalnum(c)) c = '_';
                             return name;
                         });

}  // namespace
}  // namespace flashvsr
