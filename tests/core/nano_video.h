// SPDX-License-Identifier: Apache-2.0
// Videos through the C interface, on the small model that ships.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/flashvsr.h"

namespace flashvsr::testing {

inline const FlashvsrApi* api() { return flashvsr_api(FLASHVSR_ABI); }

struct Answer {
    FlashvsrStatus status = FLASHVSR_OK;
    std::string message;
};

class NanoEngine {
  public:
    explicit NanoEngine(const std::string& device) {
        FlashvsrEngineConfig config = FLASHVSR_ENGINE_CONFIG_INIT;
        config.model_dir = NANO_MODEL;
        config.device = device.c_str();
        FlashvsrError error = {};
        opened.status = api()->engine_open(&config, nullptr, nullptr, &handle, &error);
        opened.message = error.message;
    }
    ~NanoEngine() { api()->engine_close(handle); }
    NanoEngine(const NanoEngine&) = delete;
    NanoEngine& operator=(const NanoEngine&) = delete;

    FlashvsrEngine* handle = nullptr;
    Answer opened;
};

// RGB in host memory, 32x32 to 128x128; every frame differs from the one before.
class NanoVideo {
  public:
    explicit NanoVideo(const NanoEngine& engine) : out_(kSide * kSide * 16 * 3) {
        FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
        config.input = info_of(kSide);
        config.output = info_of(4 * kSide);
        FlashvsrError error = {};
        answer_.status = api()->stream_open(engine.handle, &config, &stream_, &error);
        answer_.message = error.message;
    }
    ~NanoVideo() { api()->stream_close(stream_); }
    NanoVideo(const NanoVideo&) = delete;
    NanoVideo& operator=(const NanoVideo&) = delete;

    // Plays so many frames, or until a call fails.
    Answer play(int count) {
        std::vector<uint8_t> in(kSide * kSide * 3);
        for (int i = 0; i < count && answer_.status == FLASHVSR_OK; ++i, ++frames_) {
            for (size_t at = 0; at < in.size(); ++at)
                in[at] = static_cast<uint8_t>(at * 7 + at / 96 * 11 + frames_ * 5);
            FlashvsrFrame frame = frame_of(kSide, in);
            take(api()->stream_push(stream_, &frame, &error_));
            while (answer_.status == FLASHVSR_OK && api()->stream_ready(stream_) > 0) {
                FlashvsrFrame result = frame_of(4 * kSide, out_);
                take(api()->stream_pop(stream_, &result, &error_));
            }
        }
        return answer_;
    }

    const std::vector<uint8_t>& newest_frame() const { return out_; }

  private:
    static constexpr int kSide = 32;

    static FlashvsrFrameInfo info_of(int side) {
        return {FLASHVSR_FORMAT_RGB,
                side,
                side,
                FLASHVSR_MATRIX_RGB,
                FLASHVSR_RANGE_FULL,
                FLASHVSR_CHROMA_LEFT,
                FLASHVSR_MEMORY_HOST};
    }
    static FlashvsrFrame frame_of(int side, std::vector<uint8_t>& bytes) {
        FlashvsrFrame frame = {};
        frame.info = info_of(side);
        frame.plane[0] = bytes.data();
        frame.stride[0] = side * 3;
        return frame;
    }
    void take(FlashvsrStatus status) {
        if (status != FLASHVSR_OK) answer_ = {status, error_.message};
    }

    FlashvsrStream* stream_ = nullptr;
    FlashvsrError error_ = {};
    Answer answer_;
    std::vector<uint8_t> out_;
    int frames_ = 0;
};

}  // namespace flashvsr::testing
