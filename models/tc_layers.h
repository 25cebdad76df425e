// TCDecoder's layers by their index in the checkpoint's flat sequence (spec/flashvsr.md section 8).
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace flashvsr::tc {

inline constexpr int64_t kFrames = 4;      // output frames per latent frame
inline constexpr int64_t kTrim = 3;        // frames that a stream's first latent frame lacks
inline constexpr int64_t kLatentSide = 8;  // pixels per latent
inline constexpr int64_t kBlocks = 3;      // MemBlocks of a stage

// Index of each stage's first MemBlock, and its growth in time; `grow` and `conv` come 4 and 5
// after.
inline constexpr std::array<int64_t, 3> kStageIndex = {5, 11, 17};
inline constexpr std::array<int64_t, 3> kStageFrames = {1, 2, 2};

inline std::string layer(int64_t index) { return "decoder." + std::to_string(index); }

}  // namespace flashvsr::tc
