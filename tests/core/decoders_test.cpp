// SPDX-License-Identifier: Apache-2.0
// Which decoder an engine takes, and what it says when it cannot.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/log.h"
#include "core/stream.h"
#include "models/checkpoint/safetensors.h"
#include "models/decoders/latent_adapter.h"
#include "models/decoders/wan_decoder.h"
#include "models/error.h"
#include "tests/models/support.h"
#include "tests/support/random_model.h"

namespace flashvsr {
namespace {

namespace fs = std::filesystem;

Manifest small_decoder(const DecoderType& type) {
    switch (type.family) {
        case DecoderType::Family::kTcd: break;
        case DecoderType::Family::kTaehv:
            return TaehvDecoder::manifest(
                {type.latent_channels, {8, 8, 8, 8}, type.needs_adapter() ? 2 : 1});
        case DecoderType::Family::kWan21: return WanDecoder::manifest(WanVersion::k2_1, 4);
        case DecoderType::Family::kWan22: return WanDecoder::manifest(WanVersion::k2_2, 4);
    }
    return {};
}

// A model folder that has every decoder, small and with random weights, and their adapters.
class DecodersTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() {
        fs::create_directories(folder());
        testing::write_random_model(testing::tiny_shape(), folder().string(), /*seed=*/3);
        for (const DecoderType& type : decoder_types()) {
            if (type.family == DecoderType::Family::kTcd) continue;
            const fs::path file = (folder() / type.file).replace_extension(".safetensors");
            write_safetensors(file.string(), testing::random_tensors(small_decoder(type)));
            if (type.needs_adapter())
                write_safetensors(
                    adapter_beside(file.string()),
                    testing::random_tensors(LatentAdapter::manifest(16, type.latent_channels)));
        }
    }
    static void TearDownTestSuite() { fs::remove_all(folder()); }
    static fs::path folder() { return fs::path(::testing::TempDir()) / "flashvsr-decoders"; }

    DecodersTest() {
        set_log(
            [](int level, const char* message, void* user) {
                if (level == static_cast<int>(LogLevel::kWarning))
                    static_cast<std::string*>(user)->append(message);
            },
            &warnings_);
        dir_ = folder().string();
        config_.model_dir = dir_.c_str();
        config_.device = "cpu";
    }
    ~DecodersTest() override { set_log(nullptr, nullptr); }

    std::shared_ptr<const Engine> open() const {
        return Engine::open(config_, [](double, const char*) {});
    }
    std::string error_of_open() const {
        try {
            open();
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    }

    std::string dir_;
    FlashvsrEngineConfig config_ = FLASHVSR_ENGINE_CONFIG_INIT;
    std::string warnings_;
};

TEST_F(DecodersTest, EveryOneStreams) {
    constexpr int kSide = 32;
    FlashvsrFrameInfo small = FLASHVSR_FRAME_INFO_INIT;
    small.format = FLASHVSR_FORMAT_RGB;
    small.width = small.height = kSide;
    FlashvsrStreamConfig stream_config = FLASHVSR_STREAM_CONFIG_INIT;
    stream_config.input = stream_config.output = small;
    stream_config.output.width = stream_config.output.height = 4 * kSide;
    for (const DecoderType& type : decoder_types()) {
        SCOPED_TRACE(type.name);
        config_.mode = type.mode == Mode::kTiny ? FLASHVSR_MODE_TINY : FLASHVSR_MODE_FULL;
        config_.vae_type = type.name;
        const auto engine = open();
        EXPECT_STREQ(engine->model().decoder_type->name, type.name);
        Stream stream(engine, stream_config);
        std::vector<uint8_t> pixels(kSide * kSide * 3, 100);
        const FlashvsrFrame frame = {small, {pixels.data()}, {kSide * 3}};
        for (int i = 0; i < 33; ++i) stream.push(frame);
        EXPECT_EQ(stream.ready(), 29);
    }
    EXPECT_EQ(warnings_, "");
}

TEST_F(DecodersTest, OneOfTheOtherModeGivesAWarningAndTheModesOwn) {
    config_.vae_type = "wan2.1";
    config_.vae_path = "/nowhere/wan.pth";
    EXPECT_STREQ(open()->model().decoder_type->name, "tcd");
    EXPECT_NE(warnings_.find("wan2.1 does not belong to mode=tiny"), std::string::npos)
        << warnings_;
    config_.mode = FLASHVSR_MODE_FULL;
    config_.vae_type = "tae-hv";
    EXPECT_STREQ(open()->model().decoder_type->name, "wan2.1");
    EXPECT_NE(warnings_.find("tae-hv does not belong to mode=full"), std::string::npos);
}

TEST_F(DecodersTest, AnotherDecoderIsAnotherEngine) {
    config_.mode = FLASHVSR_MODE_FULL;
    const auto wan = open();
    config_.vae_type = "wan2.1";
    EXPECT_EQ(open(), wan);
    config_.vae_type = "light";
    EXPECT_NE(open(), wan);
    const std::string path = (folder() / "Wan2.1_VAE.safetensors").string();
    config_.vae_path = path.c_str();
    EXPECT_NE(open(), wan);
}

TEST_F(DecodersTest, WhatIsMissingIsNamed) {
    config_.vae_type = "vae";
    EXPECT_NE(error_of_open().find("tcd, taew2.1"), std::string::npos);
    config_.mode = FLASHVSR_MODE_FULL;
    config_.vae_type = "light";
    config_.model_dir = MICRO_MODEL;
    EXPECT_NE(error_of_open().find("lacks lightvaew2_1.pth"), std::string::npos) << error_of_open();
    EXPECT_NE(error_of_open().find(MICRO_MODEL), std::string::npos);
    config_.vae_path = "/nowhere/light.pth";
    EXPECT_NE(error_of_open().find("/nowhere/light.pth"), std::string::npos) << error_of_open();
}

TEST_F(DecodersTest, WithoutItsAdapterTheErrorSaysHowToMakeOne) {
    config_.mode = FLASHVSR_MODE_FULL;
    config_.vae_type = "wan2.2";
    config_.vae_adapter = "/nowhere/adapter.safetensors";
    const std::string error = error_of_open();
    for (const char* part : {"48 channels", "/nowhere/adapter.safetensors",
                             "flashvsr-train adapter", "--type wan2.2", "Wan2.2_VAE.safetensors"})
        EXPECT_NE(error.find(part), std::string::npos) << part << " in " << error;
}

// An adapter of another VAE.
TEST_F(DecodersTest, AnAdapterThatDoesNotFitIsRefused) {
    config_.vae_type = "tae-hv";
    const std::string other = (folder() / "taew2_2.adapter.safetensors").string();
    config_.vae_adapter = other.c_str();
    EXPECT_NE(error_of_open().find("[48, 64, 3, 3]"), std::string::npos) << error_of_open();
}

}  // namespace
}  // namespace flashvsr
