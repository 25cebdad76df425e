// SPDX-License-Identifier: Apache-2.0
// The chunks of one stream: their state, their noise, and CUDA graphs of their work.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "core/chunk.h"
#include "core/graph_recorder.h"

namespace flashvsr {

// Not for several threads at once.
class ChunkRunner {
  public:
    // height, width: of the picture, see ChunkInput.
    ChunkRunner(Networks networks, int64_t height, int64_t width);

    // Begins anew: the next chunk is a first one.
    void restart() { state_.reset(); }

    // The next chunk. frames: see ChunkInput; of any type. The output is valid until the next call.
    ChunkOutput run(const at::Tensor& frames, uint64_t seed, const Settings& settings);

  private:
    Networks networks_;
    int64_t height_;
    int64_t width_;
    GraphRecorder recorder_;
    // Goes before the recorder, in whose memory part of it lies: LibTorch would keep what comes
    // back after the recorder's end.
    std::optional<NetworkState> state_;
    Settings recorded_;  // settings that the recordings were made with
};

}  // namespace flashvsr
