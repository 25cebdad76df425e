// SPDX-License-Identifier: Apache-2.0
// One chunk through the networks: the main path of the engine.
#pragma once

#include <ATen/ATen.h>

#include <functional>

#include "core/graph_recorder.h"
#include "core/networks.h"
#include "models/color_fix.h"

namespace flashvsr {

// What may change between chunks; see FlashvsrSettings.
struct Settings {
    SparseSettings sparse;
    ColorFix color_fix = ColorFix::kAdain;
    double strength = 1.0;
};

struct ChunkInput {
    // The resized input, [F, 3, H, W] in [-1, 1], H and W multiples of 128. In the first chunk the
    // stream's frames 0 to 24, in chunk k >= 1 frames 8k + 13 to 8k + 24: the last four of the
    // previous chunk, whose output is still owed, and eight new ones.
    at::Tensor frames;
    at::Tensor noise;  // [16, f, H/8, W/8], N(0, 1); f = 6 in the first chunk, then 2
    // Size of the picture inside its padding; colour statistics and output are of this part.
    int64_t height = 0;
    int64_t width = 0;
};

// The chunk's frames, not yet finished: 0 to 20 of the stream in the first chunk, 8k + 13 to 8k +
// 20 in chunk k. With x = decoded * 2 - 1 a finished frame is
//     lerp(reference, clip(gain * x + offset), strength)
// and what a stream does with it is one kernel (kernels/frame.h) on its way to the caller's format.
struct ChunkOutput {
    DecodedFrames frames;  // F - 4 of them, as the decoder gives them; both tensors of one type
    at::Tensor affine;     // [F - 4, 3, 2], fp32: gain and offset; undefined: none, and no clip
    double strength = 1.0;
    // [], bool: whether no stage has overflowed; undefined where the run type cannot (fp16 can).
    at::Tensor finite = {};
};

// Sees what the stages of a chunk make, on the thread that queues them; reading a tensor waits for
// the device.
struct ChunkObserver {
    // kTokens: per projector layer, [tokens, dim], window order; kVelocity, kLatents: [16, f, H/8,
    // W/8]; kDecoded: [F - 4, 3, H, W], nominally [0, 1]. In tiles kTokens and kVelocity come once
    // for each tile and have its size.
    enum class Made { kTokens, kVelocity, kLatents, kDecoded };
    std::function<void(Made what, const at::Tensor& tensor)> made = [](Made, const at::Tensor&) {};
    Dit::MaskProbe block_mask = {};  // see Dit::MaskProbe; may be empty
};

// One chunk through all stages: what streams, tests, the trainer and benchmarks run. `state` goes
// on to the next chunk. The device work of chunks after the first is recorded and replayed by
// `recorder`; with an observer nothing is. The output is valid until the recorder's next call.
ChunkOutput run_chunk(const Networks& networks, const ChunkInput& input, const Settings& settings,
                      NetworkState& state, GraphRecorder& recorder,
                      const ChunkObserver* observer = nullptr);

// The finished frames, [F - 4, 3, height, width], nominally in [-1, 1], fp32.
at::Tensor finished_frames(const ChunkOutput& output);

}  // namespace flashvsr
