// SPDX-License-Identifier: Apache-2.0
// Streams of RGB frames on a tiny model, on the CPU.
#pragma once

#include <memory>

#include "core/engine.h"
#include "core/flashvsr.h"
#include "tests/support/random_model.h"

namespace flashvsr::testing {

inline std::shared_ptr<const Engine> tiny_engine() {
    static const auto shared = std::make_shared<const Engine>(
        random_model(tiny_shape(), ModelVersion::k1_1, Placement{}, /*seed=*/3));
    return shared;
}

inline FlashvsrFrameInfo rgb_info(int width, int height) {
    return {FLASHVSR_FORMAT_RGB,
            width,
            height,
            FLASHVSR_MATRIX_RGB,
            FLASHVSR_RANGE_FULL,
            FLASHVSR_CHROMA_LEFT,
            FLASHVSR_MEMORY_HOST};
}

// width, height: of the output; the input is a quarter of it on each side.
inline FlashvsrStreamConfig rgb_stream(int width, int height) {
    FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
    config.input = rgb_info(width / 4, height / 4);
    config.output = rgb_info(width, height);
    return config;
}

}  // namespace flashvsr::testing
