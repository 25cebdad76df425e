// SPDX-License-Identifier: Apache-2.0
// How many frames, latent frames and slices a chunk has (docs/model.md section 3).
#pragma once

#include "core/flashvsr.h"
#include "models/window.h"

namespace flashvsr {

inline constexpr int64_t kChunk = FLASHVSR_CHUNK;  // frames that a later chunk takes and gives
inline constexpr int64_t kFirstInput = FLASHVSR_FIRST_CHUNK_INPUT;
inline constexpr int64_t kFirstOutput = FLASHVSR_FIRST_CHUNK_OUTPUT;
// Frames that a chunk sees and the next one gives out.
inline constexpr int64_t kLookAhead = kFirstInput - kFirstOutput;
// Frames that a later chunk sees: those of the one before, and its own.
inline constexpr int64_t kLaterInput = kLookAhead + kChunk;

inline constexpr int64_t kFirstLatents = kFirstSlices * kWindowFrames;
inline constexpr int64_t kLaterLatents = kWindowFrames;

// Latent frames that a chunk makes which sees `frames` frames.
constexpr int64_t latent_frames(int64_t frames) {
    return frames == kFirstInput ? kFirstLatents : kLaterLatents;
}

}  // namespace flashvsr
