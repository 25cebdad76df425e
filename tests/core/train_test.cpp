// SPDX-License-Identifier: Apache-2.0
// The trainer trains the networks that the engine serves.
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/chunk.h"
#include "core/engine.h"
#include "core/noise.h"
#include "tests/support/random_model.h"
#include "tools/train/clips.h"
#include "tools/train/parameters.h"

namespace flashvsr::train {
namespace {

constexpr int64_t kSide = 128;

ModelDescription small_decoder() {
    ModelDescription description{ModelVersion::k1_1, {}};
    description.decoder.patch = 4;
    description.decoder.upsample = {1, 1, 1};
    description.decoder.shuffle = 4;
    description.decoder.leak = 0.1;
    description.decoder.skip = true;
    return description;
}

Parameters start() {
    at::manual_seed(5);
    ModelShape shape = testing::tiny_shape();
    shape.decoder.graph = small_decoder().decoder;
    return random_parameters(shape, at::kCPU);
}

// A start-up chunk's output for a clip of 25 frames.
at::Tensor run_first_chunk(const Model& model, const at::Tensor& frames) {
    const WindowGrid grid = WindowGrid::of_picture(kSide, kSide);
    const Networks networks(model, grid);
    NetworkState state(networks, {});
    ChunkInput input;
    input.frames = frames;
    input.noise = make_noise(1, 0, 6, 16, grid, Placement{});
    input.height = input.width = kSide;
    Settings settings;
    settings.color_fix = ColorFix::kNone;
    GraphRecorder unused;
    return finished_frames(run_chunk(networks, input, settings, state, unused));
}

at::Tensor textured_frames() {
    at::manual_seed(6);
    return at::upsample_bilinear2d(at::rand({25, 3, 64, 64}), {kSide, kSide}, false);
}

TEST(Train, StepsOnOneClipBringItsLossDown) {
    const Parameters parameters = start();
    Optimiser optimiser(parameters);
    std::mt19937 random(1);
    const at::Tensor target = textured_frames();
    const at::Tensor input = degrade(target, /*clean=*/true, random);
    double first = 0.0;
    double last = 0.0;
    for (int step = 0; step < 25; ++step) {
        const at::Tensor out =
            run_first_chunk(parameters.build(small_decoder(), Placement{}), input);
        const at::Tensor loss = ((out + 1) / 2 - target.narrow(0, 0, 21)).abs().mean();
        last = loss.item<double>();
        if (step == 0) first = last;
        loss.backward();
        optimiser.step(3e-4);
    }
    EXPECT_LT(last, 0.99 * first);
}

// Also what reaches the picture only through attention, the prompt and the latents.
TEST(Train, GradientsReachEveryTensorThatIsUsed) {
    const Parameters parameters = start();
    std::mt19937 random(1);
    const at::Tensor input = degrade(textured_frames(), /*clean=*/true, random);
    run_first_chunk(parameters.build(small_decoder(), Placement{}), input)
        .square()
        .mean()
        .backward();
    for (const TensorMap* group : {&parameters.dit, &parameters.projector, &parameters.decoder})
        for (const auto& [name, tensor] : *group) {
            ASSERT_TRUE(tensor.grad().defined()) << name;
            EXPECT_TRUE(at::isfinite(tensor.grad()).all().item<bool>()) << name;
        }
    EXPECT_GT(parameters.prompt.grad().abs().sum().item<double>(), 0.0);
}

TEST(Train, WritesAFolderThatTheEngineServes) {
    const std::string folder =
        (std::filesystem::path(::testing::TempDir()) / "flashvsr-trained").string();
    const Parameters parameters = start();
    write_model(parameters, small_decoder(), folder);
    FlashvsrEngineConfig config = FLASHVSR_ENGINE_CONFIG_INIT;
    config.model_dir = folder.c_str();
    config.device = "cpu";
    const auto engine = Engine::open(config, [](double, const char*) {});

    const c10::NoGradGuard no_grad;
    std::mt19937 random(1);
    const at::Tensor input = degrade(textured_frames(), /*clean=*/true, random);
    const at::Tensor served = run_first_chunk(engine->model(), input);
    const at::Tensor trained =
        run_first_chunk(parameters.build(small_decoder(), Placement{}), input);
    EXPECT_LT((served - trained).abs().max().item<double>(), 5e-3);  // rounded to fp16
}

TEST(Train, DegradingKeepsAFlatPictureAndLosesDetail) {
    std::mt19937 random(1);
    const at::Tensor flat = at::full({2, 3, kSide, kSide}, 0.4);
    EXPECT_LT((degrade(flat, true, random) - (0.4 * 2 - 1)).abs().max().item<double>(), 5e-3);
    const at::Tensor noise = at::rand({2, 3, kSide, kSide});
    EXPECT_LT(degrade(noise, true, random).std().item<double>(), noise.std().item<double>());
}

}  // namespace
}  // namespace flashvsr::train
