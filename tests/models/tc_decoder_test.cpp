// SPDX-License-Identifier: Apache-2.0
// The decoder against docs/model.md section 8, computed in double, layer by layer over all
// frames at once.
#include "models/decoders/tc_decoder.h"

#include <gtest/gtest.h>

#include "tests/models/support.h"

namespace flashvsr {
namespace {

constexpr int64_t kHeight = 16, kWidth = 24, kLatentChannels = 5;

// The table of docs/model.md section 8 for a whole stream: no memory, every frame has its
// predecessor at hand.
class Formula {
  public:
    Formula(const TensorMap& tensors, const TcDecoder::Graph& graph)
        : w_(testing::in_double(tensors)), graph_(graph) {}

    // latents: [c, n, H/8, W/8]; condition: [4 n - 3, 3, H, W]; returns [4 n - 3, 3, H, W].
    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition) const {
        const int64_t repeat = 8 / graph_.patch;
        at::Tensor x = at::cat(
            {condition_channels(condition.to(at::kDouble)), latents.to(at::kDouble)
                                                                .transpose(0, 1)
                                                                .repeat_interleave(repeat, 2)
                                                                .repeat_interleave(repeat, 3)},
            1);
        x = 3 * at::tanh(x / 3);
        x = activate(conv(1, x));
        x = activate(conv(3, x));
        for (int stage = 0; stage < 3; ++stage) {
            const int first = 5 + 6 * stage;
            for (int i = 0; i < 3; ++i) x = mem_block(first + i, x);
            const int64_t factor = graph_.upsample[stage];
            x = x.repeat_interleave(factor, 2).repeat_interleave(factor, 3);  // nearest
            x = grow(first + 4, stage == 0 ? 1 : 2, x);
            x = conv(first + 5, x);
        }
        x = pixels(conv(26, activate(conv(24, activate(x))))).slice(0, 3);
        return graph_.skip ? x + (condition + 1) / 2 : x;
    }

    // [n, 12 p^2, H/p, W/p], p = 8 as released; a clip that is not a multiple of 4 long has its
    // first frame repeated.
    at::Tensor condition_channels(at::Tensor frames) const {
        const int64_t p = graph_.patch;
        while (frames.size(0) % 4 != 0) frames = at::cat({frames.slice(0, 0, 1), frames});
        std::vector<at::Tensor> channels;
        for (int64_t c = 0; c < 3; ++c)
            for (int64_t dt = 0; dt < 4; ++dt)
                for (int64_t dy = 0; dy < p; ++dy)
                    for (int64_t dx = 0; dx < p; ++dx)
                        channels.push_back(frames.select(1, c)
                                               .slice(0, dt, frames.size(0), 4)
                                               .slice(1, dy, frames.size(2), p)
                                               .slice(2, dx, frames.size(3), p));
        return at::stack(channels, 1);
    }

  private:
    at::Tensor activate(const at::Tensor& x) const { return at::where(x > 0, x, x * graph_.leak); }
    at::Tensor conv(const std::string& name, const at::Tensor& x) const {
        const at::Tensor& weight = w_.at("decoder." + name + ".weight");
        const auto bias = w_.find("decoder." + name + ".bias");
        return at::conv2d(x, weight, bias == w_.end() ? at::Tensor() : bias->second, 1,
                          weight.size(2) / 2);
    }
    at::Tensor conv(int index, const at::Tensor& x) const { return conv(std::to_string(index), x); }

    at::Tensor mem_block(int index, const at::Tensor& x) const {
        const std::string name = std::to_string(index) + ".conv.";
        const at::Tensor past = at::cat({at::zeros_like(x[0]).unsqueeze(0), x.slice(0, 0, -1)});
        const at::Tensor a = activate(conv(name + "0", at::cat({x, past}, 1)));
        return activate(conv(name + "4", activate(conv(name + "2", a))) + x);
    }

    // The first channels are the earlier frame.
    at::Tensor grow(int index, int64_t growth, const at::Tensor& x) const {
        const at::Tensor grown = conv(std::to_string(index) + ".conv", x);
        std::vector<at::Tensor> frames;
        for (int64_t t = 0; t < x.size(0); ++t)
            for (int64_t part = 0; part < growth; ++part)
                frames.push_back(grown[t].narrow(0, part * x.size(1), x.size(1)));
        return at::stack(frames);
    }

    // Each 3 * shuffle^2 channels become 3 of shuffle x shuffle pixels.
    at::Tensor pixels(const at::Tensor& x) const {
        const int64_t n = graph_.shuffle;
        const int64_t height = x.size(2) * n, width = x.size(3) * n;
        at::Tensor out = at::empty({x.size(0), 3, height, width}, x.options());
        for (int64_t i = 0; i < x.size(1); ++i)
            out.select(1, i / (n * n))
                .slice(1, i / n % n, height, n)
                .slice(2, i % n, width, n)
                .copy_(x.select(1, i));
        return out;
    }

    TensorMap w_;
    TcDecoder::Graph graph_;
};

class TcDecoderTest : public ::testing::Test {
  protected:
    static TensorMap tensors_of(const TcDecoder::Graph& graph) {
        return testing::random_tensors(TcDecoder::manifest({kLatentChannels, {6, 5, 4, 3}, graph}));
    }
    static TcDecoder decoder(const TensorMap& tensors, const TcDecoder::Graph& graph) {
        Weights weights = Weights::from(tensors, "random");
        return TcDecoder(weights, kLatentChannels, graph, Placement{});
    }

    const testing::Seed seed_{51};
    const TcDecoder::Graph released_;
    TensorMap tensors_ = tensors_of(released_);
    at::Tensor latents_ = at::randn({kLatentChannels, 8, kHeight / 8, kWidth / 8}) * 2;
    // Beyond [-1, 1] where the soft clamp bends, also of the condition (docs/model.md section 15,
    // trap 17).
    at::Tensor condition_ = testing::random_frames(29, kHeight, kWidth) * 3;
};

TEST_F(TcDecoderTest, IsTheFormulaAndDoesNotClamp) {
    TcDecoder::State state;
    const at::Tensor frames = decoder(tensors_, released_).decode(latents_, condition_, state);
    const at::Tensor expected = Formula(tensors_, released_).decode(latents_, condition_);
    EXPECT_LT(testing::relative_l2(frames, expected), 1e-6);
    EXPECT_LT(expected.min().item<double>(), -0.1);
    EXPECT_GT(expected.max().item<double>(), 1.1);
}

// What model.json may say of a small model's decoder.
TEST_F(TcDecoderTest, FollowsTheGraphOfASmallModel) {
    for (const TcDecoder::Graph& graph :
         {TcDecoder::Graph{/*patch=*/4, {1, 1, 1}, /*shuffle=*/4, /*leak=*/0.1, /*skip=*/true},
          TcDecoder::Graph{/*patch=*/8, {2, 1, 1}, /*shuffle=*/4, /*leak=*/0.0, /*skip=*/false},
          TcDecoder::Graph{/*patch=*/2, {1, 2, 1}, /*shuffle=*/1, /*leak=*/0.2, /*skip=*/true}}) {
        const TensorMap tensors = tensors_of(graph);
        TcDecoder::State state;
        EXPECT_LT(testing::relative_l2(decoder(tensors, graph).decode(latents_, condition_, state),
                                       Formula(tensors, graph).decode(latents_, condition_)),
                  1e-6);
    }
}

// Only the first call after a reset drops three frames.
TEST_F(TcDecoderTest, IsOneStreamHoweverItIsCut) {
    const TcDecoder network = decoder(tensors_, released_);
    TcDecoder::State whole, cut;
    const at::Tensor expected = network.decode(latents_, condition_, whole);
    const at::Tensor first =
        network.decode(latents_.slice(1, 0, 6), condition_.slice(0, 0, 21), cut);
    const at::Tensor second =
        network.decode(latents_.slice(1, 6, 8), condition_.slice(0, 21, 29), cut);
    EXPECT_EQ(first.size(0), 21);
    EXPECT_EQ(second.size(0), 8);
    EXPECT_TRUE(at::equal(at::cat({first, second}), expected));
    TcDecoder::State reset;
    EXPECT_TRUE(at::equal(
        network.decode(latents_.slice(1, 0, 6), condition_.slice(0, 0, 21), reset), first));
}

TEST_F(TcDecoderTest, RefusesAConditionOfAnotherLength) {
    TcDecoder::State state;
    EXPECT_THROW(decoder(tensors_, released_).decode(latents_, condition_.slice(0, 1), state),
                 c10::Error);
}

}  // namespace
}  // namespace flashvsr
