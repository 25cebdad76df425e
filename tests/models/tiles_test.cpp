// SPDX-License-Identifier: Apache-2.0
// Where tiles lie, what they count for, and decoders that go tile by tile.
#include "models/tiling/tiles.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <functional>

#include "models/decoders/latent_adapter.h"
#include "models/decoders/taehv_decoder.h"
#include "models/decoders/tc_decoder.h"
#include "models/decoders/wan_decoder.h"
#include "models/tiling/tiled_decoder.h"
#include "tests/models/support.h"

namespace flashvsr {
namespace {

TEST(Tiles, CoverThePictureEvenlyAndAreNoMoreThanNeeded) {
    for (int64_t side = 1; side <= 6; ++side) {
        for (int64_t overlap = 0; overlap < side; ++overlap) {
            for (int64_t size = 1; size <= 30; ++size) {
                SCOPED_TRACE(::testing::Message() << size << " in " << side << ", " << overlap);
                const std::vector<Span> spans = spread(size, side, overlap);
                EXPECT_EQ(spans.front().begin, 0);
                EXPECT_EQ(spans.back().end, size);
                const auto count = static_cast<int64_t>(spans.size());
                for (int64_t i = 0; i < count; ++i) {
                    EXPECT_LE(spans[i].size(), side);
                    EXPECT_EQ(spans[i].size(), spans[0].size());
                    if (i == 0) continue;
                    EXPECT_GE(spans[i - 1].end - spans[i].begin, overlap);
                }
                // One fewer would not reach, were they as large as they may be.
                if (count > 1) {
                    EXPECT_LT((count - 1) * (side - overlap) + overlap, size);
                }
            }
        }
    }
}

TEST(Tiles, WeightsSumToOneAndFadeOnInnerSidesOnly) {
    constexpr int64_t kScale = 4;
    // Overlaps of less than half a tile, of more, and of different lengths.
    for (const auto& [size, side, overlap] :
         {std::array<int64_t, 3>{9, 4, 1}, {10, 4, 3}, {5, 2, 1}, {3, 4, 1}}) {
        const auto rows = spread(size, side, overlap), columns = spread(7, 3, 1);
        const auto tiles = tiles_of(rows, columns);
        const auto weights = blend_weights(rows, columns, kScale, at::kCPU);
        at::Tensor sum = at::zeros({1, 1, size * kScale, 7 * kScale});
        for (size_t i = 0; i < tiles.size(); ++i) {
            crop(sum, tiles[i], kScale).add_(weights[i]);
            EXPECT_GT(weights[i].min().item<float>(), 0.0F);
            // No step, neither within a tile nor, where the weight falls to nothing, at its border.
            const double step = 1.5 / static_cast<double>(overlap * kScale);
            EXPECT_LT(weights[i].diff(1, 0).abs().max().item<double>(), step);
            if (tiles[i].rows.begin > 0) {
                EXPECT_LT(weights[i][0].max().item<double>(), step);
            }
            if (tiles[i].rows.end < size) {
                EXPECT_LT(weights[i][-1].max().item<double>(), step);
            }
        }
        EXPECT_LT((sum - 1).abs().max().item<float>(), 1e-6);
        EXPECT_EQ(weights.front()[0][0].item<float>(), 1.0F);
        EXPECT_EQ(weights.back()[-1][-1].item<float>(), 1.0F);
    }
}

// Decoders of positive weights whose 3x3 convolutions have one tap, on the left or on the right, so
// that what lies farthest counts as much as what is near; in double, where rounding cannot be taken
// for another picture.
class ExactTiles : public ::testing::Test {
  public:  // for makers
    using Make = std::function<std::unique_ptr<const Decoder>(ExactTiles&)>;
    static constexpr int64_t kHeight = 16, kWidth = 64;  // latents
    static Placement in_double() { return {at::kCPU, at::kDouble}; }

    Weights random(const Manifest& manifest) const {
        TensorMap tensors = testing::random_tensors(manifest);
        for (auto& [name, tensor] : tensors) {
            tensor = tensor.abs();
            if (tensor.dim() != 4 || tensor.size(3) != 3) continue;
            const at::Tensor tap = tensor.select(3, column_).select(2, 1).clone();
            tensor.zero_();
            tensor.select(3, column_).select(2, 1).copy_(3 * tap);
        }
        return Weights::from(tensors, "random");
    }
    std::unique_ptr<const Decoder> tcd(const TcDecoder::Graph& graph = {}) const {
        TcDecoder::Config config;
        config.channels = {4, 4, 3, 3};
        config.graph = graph;
        Weights weights = random(TcDecoder::manifest(config));
        return std::make_unique<TcDecoder>(weights, config.latent_channels, graph, in_double());
    }
    std::unique_ptr<const Decoder> taehv(int64_t channels, int64_t patch) const {
        Weights weights = random(TaehvDecoder::manifest({channels, {4, 4, 3, 3}, patch}));
        return std::make_unique<TaehvDecoder>(weights, TaehvDecoder::Graph(), in_double());
    }
    std::unique_ptr<const Decoder> adapted() const {
        Weights adapter = random(LatentAdapter::manifest(16, 6));
        return std::make_unique<AdaptedDecoder>(LatentAdapter(adapter, 16, 6, in_double()),
                                                taehv(6, 2));
    }

    // Two calls of a stream.
    at::Tensor decode(const Decoder& decoder) const {
        Decoder::State state;
        const at::Tensor first =
            decoder.decode(latents_.narrow(1, 0, 1), condition_.narrow(0, 0, 1), state);
        return at::cat(
            {first, decoder.decode(latents_.narrow(1, 1, 1), condition_.narrow(0, 1, 4), state)});
    }
    void expect_halo(const Make& make, int64_t halo, int64_t unit = 1);

    const testing::Seed seed_{71};
    const c10::NoGradGuard no_grad_;
    int64_t column_ = 0;  // of the tap
    const at::Tensor latents_ = at::randn({16, 2, kHeight, kWidth}, at::kDouble);
    const at::Tensor condition_ =
        testing::random_frames(5, 8 * kHeight, 8 * kWidth).to(at::kDouble);
};

// A decoder that claims to look less far than it does.
class Narrowed : public Decoder {
  public:
    Narrowed(const Decoder& decoder, int64_t by) : decoder_(decoder), by_(by) {}
    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override {
        return decoder_.decode(latents, condition, state);
    }
    std::optional<int64_t> halo() const override { return *decoder_.halo() - by_; }
    int64_t parameters() const override { return 0; }

  private:
    const Decoder& decoder_;
    int64_t by_;
};

// Tiles are exact with that halo and not with one that is smaller by `unit`.
void ExactTiles::expect_halo(const Make& make, int64_t halo, int64_t unit) {
    for (const int64_t column : {0, 2}) {
        column_ = column;
        const auto decoder = make(*this);
        EXPECT_EQ(decoder->halo(), halo);
        const at::Tensor whole = decode(*decoder);
        EXPECT_LT(testing::relative_l2(decode(HaloDecoder(*decoder, 16)), whole), 1e-13);
        const Narrowed narrowed(*decoder, unit);
        EXPECT_GT(testing::relative_l2(decode(HaloDecoder(narrowed, 16)), whole), 1e-6);
    }
}

TEST_F(ExactTiles, OfTcDecoderNeedNineteenLatents) {
    expect_halo([](ExactTiles& self) { return self.tcd(); }, 19);
}

TEST_F(ExactTiles, OfAGraphOfItsOwnNeedWhatThatSays) {
    TcDecoder::Graph graph;
    graph.patch = 4;
    graph.upsample = {1, 1, 1};
    graph.shuffle = 4;
    graph.skip = true;
    expect_halo([&](ExactTiles& self) { return self.tcd(graph); }, 17);
}

TEST_F(ExactTiles, OfTaehvNeedEighteen) {
    expect_halo([](ExactTiles& self) { return self.taehv(16, 1); }, 18);
}

TEST_F(ExactTiles, BehindAnAdapterNeedTwiceAsManyAndTheAdaptersOwn) {
    expect_halo([](ExactTiles& self) { return self.adapted(); }, 38, /*unit=*/2);
}

TEST_F(ExactTiles, AreTakenWhereTheyCanBe) {
    const auto exact = tcd();
    EXPECT_TRUE(in_tiles(*exact, 16, 0)->halo());
    Weights weights = random(WanDecoder::manifest(WanVersion::k2_1, 4));
    const WanDecoder wan(weights, WanVersion::k2_1, in_double());
    EXPECT_FALSE(in_tiles(wan, 32, 16)->halo());
}

// Each tile carries its own memory.
TEST_F(ExactTiles, BlendedOnesAreOneStreamHoweverItIsCut) {
    Weights weights = random(WanDecoder::manifest(WanVersion::k2_1, 4));
    const WanDecoder wan(weights, WanVersion::k2_1, Placement{});
    const auto tiled = in_tiles(wan, 32, 16);
    const at::Tensor latents = at::randn({16, 3, 16, 48}), frames = at::empty({9, 3, 128, 384});
    Decoder::State whole, cut;
    const at::Tensor expected = tiled->decode(latents, frames, whole);
    const at::Tensor first = tiled->decode(latents.narrow(1, 0, 1), frames.narrow(0, 0, 1), cut);
    const at::Tensor rest = tiled->decode(latents.narrow(1, 1, 2), frames.narrow(0, 0, 8), cut);
    EXPECT_TRUE(at::equal(at::cat({first, rest}), expected));
}

}  // namespace
}  // namespace flashvsr
