// SPDX-License-Identifier: Apache-2.0
// What happens when numbers are too large for fp16: no picture shows it.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/stream.h"
#include "models/error.h"
#include "tests/models/support.h"
#include "tests/support/random_model.h"

namespace flashvsr {
namespace {

constexpr int kSide = 32, kScale = 4;

FlashvsrStreamConfig stream_config() {
    FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
    config.input = {FLASHVSR_FORMAT_RGB,
                    kSide,
                    kSide,
                    FLASHVSR_MATRIX_RGB,
                    FLASHVSR_RANGE_FULL,
                    FLASHVSR_CHROMA_LEFT,
                    FLASHVSR_MEMORY_HOST};
    config.output = config.input;
    config.output.width = config.output.height = kSide * kScale;
    return config;
}

// The tiny model. `gain`: of the last feed-forward layers, whose sum goes through all blocks.
Model model_in(at::ScalarType type, float gain) {
    const ModelShape shape = testing::tiny_shape();
    at::manual_seed(7);
    TensorMap dit = testing::random_tensors(Dit::manifest(shape.dit));
    for (auto& [name, tensor] : dit)
        if (name.find("ffn.2.weight") != std::string::npos) tensor = tensor * gain;
    ModelWeights weights{
        Weights::from(dit, "dit"),
        Weights::from(testing::random_tensors(LqProjector::manifest(shape.projector)), "projector"),
        Weights::from(testing::random_tensors(TcDecoder::manifest(shape.decoder)), "decoder"),
        at::randn({1, shape.prompt_tokens, shape.dit.text_dim})};
    Placement placement;
    placement.dtype = type;
    const c10::NoGradGuard no_grad;
    return load_model(std::move(weights), {}, placement, [](double, const char*) {});
}

std::shared_ptr<const Engine> engine_in(at::ScalarType type, float gain) {
    return std::make_shared<const Engine>(model_in(type, gain), [gain] {
        return std::make_shared<const Engine>(model_in(at::kFloat, gain));
    });
}

using Frames = std::vector<std::vector<uint8_t>>;

Frames upscale(const std::shared_ptr<const Engine>& engine, int count) {
    const FlashvsrStreamConfig config = stream_config();
    Stream stream(engine, config);
    for (int i = 0; i < count; ++i) {
        std::vector<uint8_t> pixels(kSide * kSide * 3);
        for (size_t at = 0; at < pixels.size(); ++at)
            pixels[at] = static_cast<uint8_t>(128 + 90 * std::sin(0.01 * at + 0.3 * i));
        stream.push({config.input, {pixels.data()}, {kSide * 3}});
    }
    stream.drain();
    Frames frames;
    while (stream.ready() > 0) {
        std::vector<uint8_t> out(kSide * kSide * 3 * kScale * kScale);
        stream.pop({config.output, {out.data()}, {kSide * kScale * 3}});
        frames.push_back(std::move(out));
    }
    return frames;
}

double mean_difference(const Frames& a, const Frames& b) {
    EXPECT_EQ(a.size(), b.size());
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i)
        for (size_t at = 0; at < a[i].size(); ++at) sum += std::abs(a[i][at] - b[i][at]);
    return sum / static_cast<double>(a.size() * a.front().size());
}

TEST(Overflow, WeightsThatOverflowFp16GoOnInAWiderType) {
    constexpr float kGain = 1e5f;
    const auto half = engine_in(at::kHalf, kGain);
    const Frames expected = upscale(engine_in(at::kFloat, kGain), 33);
    EXPECT_FALSE(half->has_overflowed());
    EXPECT_LT(mean_difference(upscale(half, 33), expected), 0.5);
    EXPECT_TRUE(half->has_overflowed());
    EXPECT_LT(mean_difference(upscale(half, 33), expected), 1e-6) << "the next stream begins there";
}

TEST(Overflow, OrdinaryWeightsStayInFp16) {
    const auto half = engine_in(at::kHalf, 1.0f);
    EXPECT_LT(mean_difference(upscale(half, 33), upscale(engine_in(at::kFloat, 1.0f), 33)), 2.0);
    EXPECT_FALSE(half->has_overflowed());
}

TEST(Overflow, WithoutAWiderTypeItIsAnError) {
    const auto half = std::make_shared<const Engine>(model_in(at::kHalf, 1e5f));
    try {
        upscale(half, 25);
        FAIL() << "gave pictures";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), Error::Kind::kBadSettings);
    }
}

// Gives infinities in one of its calls.
class OverflowingDecoder : public Decoder {
  public:
    OverflowingDecoder(std::unique_ptr<const Decoder> decoder, int call)
        : decoder_(std::move(decoder)), call_(call) {}
    at::Tensor decode(const at::Tensor& latents, const at::Tensor& condition,
                      State& state) const override {
        const at::Tensor frames = decoder_->decode(latents, condition, state);
        if (calls_++ == call_)
            frames.view({-1})[frames.numel() / 2] = std::numeric_limits<float>::infinity();
        return frames;
    }
    std::optional<int64_t> halo() const override { return decoder_->halo(); }
    int64_t parameters() const override { return decoder_->parameters(); }

  private:
    std::unique_ptr<const Decoder> decoder_;
    int call_;
    mutable int calls_ = 0;
};

// The chunk in which it happens comes out whole; those before it stay as they are.
TEST(Overflow, MidStreamOnlyThePastIsLost) {
    Model model = model_in(at::kFloat, 1.0f);
    model.may_overflow = true;
    model.decoder = std::make_unique<OverflowingDecoder>(std::move(model.decoder), 2);
    const auto engine = std::make_shared<const Engine>(std::move(model), [] {
        return std::make_shared<const Engine>(model_in(at::kFloat, 1.0f));
    });
    constexpr size_t kBefore = 21 + 8, kFrames = 25 + 4 * 8;
    const Frames frames = upscale(engine, kFrames);
    const Frames expected = upscale(engine_in(at::kFloat, 1.0f), kFrames);
    ASSERT_EQ(frames.size(), kFrames);
    for (size_t i = 0; i < kBefore; ++i) EXPECT_EQ(frames[i], expected[i]) << i;
    EXPECT_TRUE(engine->has_overflowed());
    // Another past, another picture, but of the same thing.
    EXPECT_LT(mean_difference(frames, expected), 8.0);
}

}  // namespace
}  // namespace flashvsr
