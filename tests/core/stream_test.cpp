// SPDX-License-Identifier: Apache-2.0
// The stream's promises: frames in are frames out, in order, whatever the length of the clip.
#include "core/stream.h"

#include <gtest/gtest.h>

#include <vector>

#include "models/error.h"
#include "tests/core/rgb_stream.h"
#include "tests/support/random_model.h"

namespace flashvsr {
namespace {

using testing::rgb_info;
using testing::rgb_stream;
using testing::tiny_engine;

constexpr int kSide = 32;
constexpr int kScale = 4;

FlashvsrStreamConfig config() { return rgb_stream(kSide * kScale, kSide * kScale); }

// Strength 0 gives the resized input back, so a flat frame's grey value tells which frame it is.
FlashvsrStreamConfig transparent() {
    FlashvsrStreamConfig result = config();
    result.settings.strength = 0.0;
    return result;
}

class Player {
  public:
    explicit Player(const FlashvsrStreamConfig& config)
        : config_(config), stream(tiny_engine(), config) {}

    void push(uint8_t grey) {
        std::vector<uint8_t> pixels(static_cast<size_t>(kSide) * kSide * 3, grey);
        push(pixels);
    }
    void push(std::vector<uint8_t>& pixels) {
        FlashvsrFrame frame = {config_.input, {pixels.data()}, {config_.input.width * 3}};
        stream.push(frame);
    }
    std::vector<uint8_t> pop() {
        std::vector<uint8_t> pixels(
            static_cast<size_t>(config_.output.width) * config_.output.height * 3, 0xCD);
        FlashvsrFrame frame = {config_.output, {pixels.data()}, {config_.output.width * 3}};
        EXPECT_TRUE(stream.pop(frame));
        return pixels;
    }
    std::vector<std::vector<uint8_t>> pop_all() {
        std::vector<std::vector<uint8_t>> frames;
        while (stream.ready() > 0) frames.push_back(pop());
        return frames;
    }

  private:
    FlashvsrStreamConfig config_;

  public:
    Stream stream;
};

uint8_t grey_of_frame(int index) { return static_cast<uint8_t>(20 + 3 * index); }

TEST(Stream, GivesBackEveryFrameOfAClipOfAnyLengthInOrder) {
    // Around each border of the schedule: 21 outputs after 25 inputs, then 8 after 8.
    for (const int n : {0, 1, 2, 20, 21, 22, 24, 25, 26, 28, 29, 30, 33, 36, 37, 38, 46}) {
        SCOPED_TRACE(n);
        Player player(transparent());
        for (int i = 0; i < n; ++i) player.push(grey_of_frame(i));
        player.stream.drain();
        const auto frames = player.pop_all();
        ASSERT_EQ(frames.size(), static_cast<size_t>(n));
        for (int i = 0; i < n; ++i) EXPECT_EQ(frames[i][0], grey_of_frame(i));
    }
}

TEST(Stream, TakesTwentyFiveFramesForTheFirstTwentyOneThenEightForEight) {
    Player player(transparent());
    for (int i = 0; i < 24; ++i) player.push(0);
    EXPECT_EQ(player.stream.ready(), 0);
    player.push(0);
    EXPECT_EQ(player.stream.ready(), 21);
    player.pop_all();
    for (int i = 0; i < 7; ++i) player.push(0);
    EXPECT_EQ(player.stream.ready(), 0);
    player.push(0);
    EXPECT_EQ(player.stream.ready(), 8);
}

TEST(Stream, FramesThatAreDroppedCount) {
    Player player(transparent());
    for (int i = 0; i < 25; ++i) player.push(grey_of_frame(i));
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(player.stream.drop());
    EXPECT_EQ(player.pop()[0], grey_of_frame(20));
    EXPECT_FALSE(player.stream.drop());
    EXPECT_EQ(player.stream.stats().frames_out, 21U);
}

TEST(Stream, StartsAfreshAfterDrainAndAfterReset) {
    std::vector<std::vector<std::vector<uint8_t>>> passes;
    Player player(config());
    for (int pass = 0; pass < 3; ++pass) {
        for (int i = 0; i < 30; ++i) player.push(grey_of_frame(i));
        if (pass == 1) {
            player.stream.reset();
            EXPECT_EQ(player.stream.ready(), 0);
            continue;
        }
        player.stream.drain();
        passes.push_back(player.pop_all());
    }
    EXPECT_EQ(passes[0], passes[1]);
}

TEST(Stream, StreamsOfOneEngineDoNotDisturbEachOther) {
    Player alone(config());
    for (int i = 0; i < 33; ++i) alone.push(grey_of_frame(i));
    Player first(config());
    Player second(config());
    for (int i = 0; i < 33; ++i) {
        first.push(grey_of_frame(i));
        second.push(grey_of_frame(40 - i));
    }
    EXPECT_EQ(alone.pop_all(), first.pop_all());
}

TEST(Stream, PadsAndCropsSoThatAnySizeWorks) {
    FlashvsrStreamConfig odd = transparent();
    odd.input = rgb_info(5, 3);
    odd.output = rgb_info(20, 130);
    Player player(odd);
    std::vector<uint8_t> pixels(5 * 3 * 3, 77);
    player.push(pixels);
    player.stream.drain();
    for (const uint8_t sample : player.pop()) ASSERT_EQ(sample, 77);
}

// The statistics of the colour fix must not see the padding.
TEST(Stream, ColourFixKeepsTheMeanOfThePicture) {
    FlashvsrStreamConfig cropped = config();
    cropped.input = rgb_info(33, 20);
    cropped.output = rgb_info(132, 80);
    Player player(cropped);
    std::vector<uint8_t> pixels(33 * 20 * 3);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(60 + i * 37 % 120);
    player.push(pixels);
    player.stream.drain();
    const std::vector<uint8_t> out = player.pop();
    double wanted = 0.0;
    for (const uint8_t sample : pixels) wanted += sample;
    double mean = 0.0;
    for (const uint8_t sample : out) mean += sample;
    EXPECT_NEAR(mean / static_cast<double>(out.size()), wanted / static_cast<double>(pixels.size()),
                2.0);
}

TEST(Stream, SettingsChangeFromTheNextChunkOn) {
    Player player(transparent());
    for (int i = 0; i < 25; ++i) player.push(100);
    FlashvsrSettings settings = FLASHVSR_SETTINGS_INIT;
    settings.kv_ratio = 5.0;
    settings.local_range = 9;
    settings.strength = 0.0;
    player.stream.configure(settings);
    for (int i = 0; i < 40; ++i) player.push(100);
    settings.kv_ratio = 1.0;
    player.stream.configure(settings);
    for (int i = 0; i < 16; ++i) player.push(100);
    EXPECT_EQ(player.pop_all().size(), 77U);
}

TEST(Stream, RefusesFramesAndSettingsThatDoNotFit) {
    Player player(config());
    std::vector<uint8_t> pixels(static_cast<size_t>(kSide) * kSide * 3);
    FlashvsrFrame frame = {config().input, {pixels.data()}, {kSide * 3 - 1}};
    EXPECT_THROW(player.stream.push(frame), Error);
    frame = {rgb_info(kSide, kSide - 1), {pixels.data()}, {kSide * 3}};
    EXPECT_THROW(player.stream.push(frame), Error);
    frame = {config().input, {nullptr}, {kSide * 3}};
    EXPECT_THROW(player.stream.push(frame), Error);
    FlashvsrStreamConfig on_a_device = config();
    on_a_device.output.memory = FLASHVSR_MEMORY_CUDA;
    EXPECT_THROW(Stream(tiny_engine(), on_a_device), Error) << "the engine is on the CPU";
    FlashvsrStreamConfig ten_bit = config();
    ten_bit.input.format = FLASHVSR_FORMAT_P010_10LE;
    ten_bit.input.matrix = FLASHVSR_MATRIX_BT2020;
    Stream stream(tiny_engine(), ten_bit);
    frame = {ten_bit.input, {pixels.data(), pixels.data()}, {kSide * 2 + 1, kSide * 2}};
    EXPECT_THROW(stream.push(frame), Error) << "an odd stride";
    FlashvsrSettings settings = FLASHVSR_SETTINGS_INIT;
    settings.sparse_ratio = 0.0;
    EXPECT_THROW(player.stream.configure(settings), Error);
    settings = FLASHVSR_SETTINGS_INIT;
    settings.strength = 1.5;
    EXPECT_THROW(player.stream.configure(settings), Error);
}

}  // namespace
}  // namespace flashvsr
