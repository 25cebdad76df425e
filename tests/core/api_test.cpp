// SPDX-License-Identifier: Apache-2.0
// The C interface as a caller without GStreamer sees it, on the shared library.
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/flashvsr.h"
#include "core/formats.h"

namespace {

using flashvsr::Format;
using flashvsr::format_of;

const FlashvsrApi* api() { return flashvsr_api(FLASHVSR_ABI); }

struct OpenEngine {
    explicit OpenEngine(const char* model_dir, FlashvsrProgress progress = nullptr,
                        void* user = nullptr) {
        FlashvsrEngineConfig config = FLASHVSR_ENGINE_CONFIG_INIT;
        config.model_dir = model_dir;
        config.device = "cpu";
        status = api()->engine_open(&config, progress, user, &engine, &error);
    }
    ~OpenEngine() { api()->engine_close(engine); }
    OpenEngine(const OpenEngine&) = delete;
    OpenEngine& operator=(const OpenEngine&) = delete;

    FlashvsrEngine* engine = nullptr;
    FlashvsrStatus status = FLASHVSR_INTERNAL;
    FlashvsrError error = {};
};

FlashvsrStreamConfig stream_config(FlashvsrFormat format, int width, int height) {
    const bool yuv = !format_of(format).rgb;
    FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
    config.input = {format,
                    width,
                    height,
                    yuv ? FLASHVSR_MATRIX_BT709 : FLASHVSR_MATRIX_RGB,
                    yuv ? FLASHVSR_RANGE_LIMITED : FLASHVSR_RANGE_FULL,
                    FLASHVSR_CHROMA_LEFT,
                    FLASHVSR_MEMORY_HOST};
    config.output = config.input;
    config.output.width *= 4;
    config.output.height *= 4;
    return config;
}

TEST(Api, AnswersOnlyToItsOwnVersion) {
    ASSERT_NE(api(), nullptr);
    EXPECT_EQ(api()->abi, FLASHVSR_ABI);
    EXPECT_EQ(flashvsr_api(FLASHVSR_ABI + 1), nullptr);
}

TEST(Api, LogsWhatLibTorchWarnsOf) {
    std::string lines;
    api()->set_log(
        [](int level, const char* message, void* user) {
            if (level == 2) *static_cast<std::string*>(user) += std::string(message) + "|";
        },
        &lines);
    testing::internal::CaptureStderr();
    const FlashvsrProgress warn = [](double, const char*, void* user) -> int32_t {
        if (!std::exchange(*static_cast<bool*>(user), true)) {
            TORCH_WARN("a warning\nof two lines");
        }
        return 1;
    };
    bool warned = false;
    { const OpenEngine open(MICRO_MODEL, warn, &warned); }
    EXPECT_TRUE(warned);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(lines, "a warning of two lines|");
    testing::internal::CaptureStderr();
    TORCH_WARN("not of the engine");
    EXPECT_NE(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(lines, "a warning of two lines|");
    api()->set_log(nullptr, nullptr);
}

// Every plane of a frame, with rows of one length, in which all samples have one value.
struct FlatFrame {
    FlatFrame(const FlashvsrFrameInfo& info, int sample) {
        constexpr int kRow = 124 * 8, kPlane = 68 * kRow;
        const Format& format = format_of(info.format);
        bytes.resize(size_t{4} * kPlane);
        for (size_t i = 0; i < bytes.size(); ++i) {
            const bool high = format.sample_bytes() == 2 && i % 2 == 1;
            bytes[i] = static_cast<uint8_t>(sample << format.shift >> (high ? 8 : 0));
        }
        frame.info = info;
        for (int i = 0; i < 4; ++i) {
            frame.plane[i] = bytes.data() + i * kPlane;
            frame.stride[i] = kRow;
        }
    }
    int sample(int component) const {
        const Format& format = format_of(frame.info.format);
        const Format::Component& place = format.component[component];
        const auto* at = static_cast<uint8_t*>(frame.plane[place.plane]) +
                         20 * frame.stride[place.plane] +
                         (place.first + 7 * place.step) * format.sample_bytes();
        return (format.sample_bytes() == 1 ? at[0] : at[0] | at[1] << 8) >> format.shift;
    }
    std::vector<uint8_t> bytes;
    FlashvsrFrame frame = {};
};

TEST(Api, KeepsAFlatPictureOfEveryKindOfFormat) {
    const OpenEngine open(MICRO_MODEL);
    ASSERT_EQ(open.status, FLASHVSR_OK) << open.error.message;
    for (const auto format :
         {FLASHVSR_FORMAT_I420, FLASHVSR_FORMAT_P010_10LE, FLASHVSR_FORMAT_A422_10LE,
          FLASHVSR_FORMAT_AYUV64, FLASHVSR_FORMAT_RGBx, FLASHVSR_FORMAT_GBRA_12LE,
          FLASHVSR_FORMAT_GRAY8}) {
        SCOPED_TRACE(format_of(format).name);
        auto config = stream_config(format, 31, 17);
        config.settings.strength = 0.0;
        FlashvsrStream* stream = nullptr;
        FlashvsrError error;
        ASSERT_EQ(api()->stream_open(open.engine, &config, &stream, &error), FLASHVSR_OK)
            << error.message;
        const int grey = 1 << (format_of(format).bits - 1);
        const FlatFrame in(config.input, grey);
        FlatFrame out(config.output, 0);
        EXPECT_EQ(api()->stream_pop(stream, &out.frame, &error), FLASHVSR_NEED_INPUT);
        ASSERT_EQ(api()->stream_push(stream, &in.frame, &error), FLASHVSR_OK) << error.message;
        ASSERT_EQ(api()->stream_drain(stream, &error), FLASHVSR_OK) << error.message;
        EXPECT_EQ(api()->stream_ready(stream), 1);
        EXPECT_EQ(api()->stream_pop(stream, &out.frame, &error), FLASHVSR_OK) << error.message;
        EXPECT_EQ(api()->stream_pop(stream, &out.frame, &error), FLASHVSR_NEED_INPUT);
        api()->stream_close(stream);
        for (int c = 0; c < 3; ++c) EXPECT_NEAR(out.sample(c), grey, 1);
        EXPECT_NEAR(out.sample(format_of(format).has_alpha ? 3 : 0), grey, 1);
    }
}

// A program compiled before there were tiles.
TEST(Api, WhatAnOlderStructLacksKeepsItsDefault) {
    const OpenEngine open(MICRO_MODEL);
    auto config = stream_config(FLASHVSR_FORMAT_RGB, 8, 8);
    config.tiling = {1, 1, -5, -5};
    FlashvsrStream* stream = nullptr;
    EXPECT_EQ(api()->stream_open(open.engine, &config, &stream, nullptr),
              FLASHVSR_INVALID_ARGUMENT);
    config.struct_size = offsetof(FlashvsrStreamConfig, tiling);
    EXPECT_EQ(api()->stream_open(open.engine, &config, &stream, nullptr), FLASHVSR_OK);
    api()->stream_close(stream);
}

TEST(Api, SharesOneEngineAndKeepsItWhileAStreamLives) {
    auto first = std::make_unique<OpenEngine>(MICRO_MODEL);
    ASSERT_EQ(first->status, FLASHVSR_OK);
    int loads = 0;
    auto count = [](double, const char*, void* user) {
        ++*static_cast<int*>(user);
        return 1;
    };
    const auto config = stream_config(FLASHVSR_FORMAT_RGB, 8, 8);
    FlashvsrStream* stream = nullptr;
    ASSERT_EQ(api()->stream_open(first->engine, &config, &stream, nullptr), FLASHVSR_OK);
    first.reset();
    { const OpenEngine second(MICRO_MODEL, count, &loads); }
    EXPECT_EQ(loads, 0);
    api()->stream_close(stream);
    { const OpenEngine third(MICRO_MODEL, count, &loads); }
    EXPECT_GT(loads, 0);
}

TEST(Api, ThreadsShareAnEngineEachWithAStreamOfItsOwn) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([] {
            const OpenEngine open(MICRO_MODEL);
            ASSERT_EQ(open.status, FLASHVSR_OK) << open.error.message;
            const auto config = stream_config(FLASHVSR_FORMAT_RGB, 8, 8);
            FlashvsrStream* stream = nullptr;
            ASSERT_EQ(api()->stream_open(open.engine, &config, &stream, nullptr), FLASHVSR_OK);
            std::vector<uint8_t> pixels(8 * 8 * 3, 90);
            const FlashvsrFrame frame = {config.input, {pixels.data()}, {8 * 3}};
            for (int k = 0; k < FLASHVSR_FIRST_CHUNK_INPUT; ++k)
                EXPECT_EQ(api()->stream_push(stream, &frame, nullptr), FLASHVSR_OK);
            EXPECT_EQ(api()->stream_ready(stream), FLASHVSR_FIRST_CHUNK_OUTPUT);
            api()->stream_close(stream);
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST(Api, SaysWhatItLoaded) {
    const OpenEngine open(MICRO_MODEL);
    FlashvsrEngineInfo info = FLASHVSR_ENGINE_INFO_INIT;
    ASSERT_EQ(api()->engine_info(open.engine, &info, nullptr), FLASHVSR_OK);
    EXPECT_STREQ(info.device, "cpu");
    EXPECT_STREQ(info.precision, "fp32");
    EXPECT_STREQ(info.version, "1");
    EXPECT_GT(info.parameters, 100000U);
}

TEST(Api, MissingModelSaysWhereItLooked) {
    const OpenEngine open("/nonexistent/model");
    EXPECT_EQ(open.status, FLASHVSR_NOT_FOUND);
    EXPECT_NE(std::string(open.error.message).find("/nonexistent/model"), std::string::npos);
    EXPECT_EQ(open.engine, nullptr);
}

TEST(Api, LoadCanBeCancelled) {
    auto refuse = [](double, const char*, void*) { return 0; };
    const OpenEngine open(MICRO_MODEL, refuse);
    EXPECT_EQ(open.status, FLASHVSR_CANCELLED);
}

TEST(Api, WaitingForSomebodyElsesLoadCanBeCancelled) {
    std::atomic<bool> loading{false};
    std::atomic<bool> go_on{false};
    struct Flags {
        std::atomic<bool>& loading;
        std::atomic<bool>& go_on;
    } flags{loading, go_on};
    const auto hold = [](double, const char*, void* user) {
        auto* flags = static_cast<Flags*>(user);
        flags->loading = true;
        while (!flags->go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return 1;
    };
    const auto refuse = [](double, const char*, void*) { return 0; };
    std::thread slow([&] { EXPECT_EQ(OpenEngine(MICRO_MODEL, hold, &flags).status, FLASHVSR_OK); });
    while (!loading) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(OpenEngine(MICRO_MODEL, refuse).status, FLASHVSR_CANCELLED);
    go_on = true;
    slow.join();
}

TEST(Api, AFrameMayBeDroppedUnseen) {
    const OpenEngine open(MICRO_MODEL);
    const auto config = stream_config(FLASHVSR_FORMAT_RGB, 8, 8);
    FlashvsrStream* stream = nullptr;
    ASSERT_EQ(api()->stream_open(open.engine, &config, &stream, nullptr), FLASHVSR_OK);
    EXPECT_EQ(api()->stream_pop(stream, nullptr, nullptr), FLASHVSR_NEED_INPUT);
    std::vector<uint8_t> pixels(8 * 8 * 3);
    const FlashvsrFrame frame = {config.input, {pixels.data()}, {8 * 3}};
    for (int i = 0; i < 2; ++i) api()->stream_push(stream, &frame, nullptr);
    api()->stream_drain(stream, nullptr);
    EXPECT_EQ(api()->stream_pop(stream, nullptr, nullptr), FLASHVSR_OK);
    EXPECT_EQ(api()->stream_ready(stream), 1);
    api()->stream_close(stream);
}

TEST(Api, BadArgumentsAreAnswersNotCrashes) {
    FlashvsrEngineConfig config = FLASHVSR_ENGINE_CONFIG_INIT;
    FlashvsrEngine* engine = nullptr;
    FlashvsrError error;
    EXPECT_EQ(api()->engine_open(&config, nullptr, nullptr, &engine, &error),
              FLASHVSR_INVALID_ARGUMENT);
    config.model_dir = MICRO_MODEL;
    config.device = "tpu";
    EXPECT_EQ(api()->engine_open(&config, nullptr, nullptr, &engine, &error),
              FLASHVSR_INVALID_ARGUMENT);
    config.device = "cuda:9";
    EXPECT_EQ(api()->engine_open(&config, nullptr, nullptr, &engine, &error),
              FLASHVSR_BAD_SETTINGS);
    config.device = "cpu";
    for (const FlashvsrPrecision precision : {FLASHVSR_PRECISION_BF16, FLASHVSR_PRECISION_FP8}) {
        config.precision = precision;
        EXPECT_EQ(api()->engine_open(&config, nullptr, nullptr, &engine, &error),
                  FLASHVSR_BAD_SETTINGS);
        EXPECT_NE(std::string(error.message).find("fp32"), std::string::npos);
    }
    config.precision = static_cast<FlashvsrPrecision>(99);
    EXPECT_EQ(api()->engine_open(&config, nullptr, nullptr, &engine, &error),
              FLASHVSR_INVALID_ARGUMENT);

    const OpenEngine open(MICRO_MODEL);
    FlashvsrStream* stream = nullptr;
    auto bad = stream_config(FLASHVSR_FORMAT_RGB, 0, 8);
    EXPECT_EQ(api()->stream_open(open.engine, &bad, &stream, &error), FLASHVSR_INVALID_ARGUMENT);
    bad = stream_config(FLASHVSR_FORMAT_RGB, 8, 8);
    bad.settings.kv_ratio = 0.0;
    EXPECT_EQ(api()->stream_open(open.engine, &bad, &stream, &error), FLASHVSR_INVALID_ARGUMENT);
    EXPECT_EQ(stream, nullptr);
    EXPECT_EQ(api()->stream_push(nullptr, nullptr, &error), FLASHVSR_INVALID_ARGUMENT);
    EXPECT_EQ(api()->stream_ready(nullptr), 0);
    api()->stream_close(nullptr);
    api()->engine_close(nullptr);
}

}  // namespace
