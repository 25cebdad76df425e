// SPDX-License-Identifier: Apache-2.0
// CUDA graphs of work that repeats: recorded once, then launched as a whole.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace flashvsr {

// One stream's recordings. Work must be device work alone: kernels on the current stream, tensors
// from LibTorch's allocator, no synchronisation; what it reads and writes apart from those tensors
// and its inputs must lie at the same addresses each time. Recordings share one memory pool, in
// which the runs before them also compute, so they take no more memory than one of them. Recorders
// of several threads take turns, except that a replay waits for nobody.
class GraphRecorder {
  public:
    using Tensors = std::vector<at::Tensor>;
    // Returns tensors that stay valid until the next call. Inputs may lie elsewhere each time: what
    // is recorded reads copies of them.
    using Work = std::function<Tensors(const Tensors& inputs)>;

    // Records nothing.
    GraphRecorder() : GraphRecorder(at::kCPU, false) {}
    // `recordable`: whether the work is as said above; if not, it is run each time.
    GraphRecorder(const at::Device& device, bool recordable);
    ~GraphRecorder();

    // Whether work is recorded at all.
    bool enabled() const { return enabled_; }

    // Without a key runs work once, for what happens once. Else runs it the first time any key is
    // given (libraries choose and set up their kernels then), records it the first time this key is
    // given after that, and replays it from then on.
    Tensors run(const std::optional<int64_t>& key, const Tensors& inputs, const Work& work);
    // Forgets all recordings: something that they have fixed has changed.
    void clear();

  private:
    struct Recordings;

    // Where recordings read their inputs, filled with these.
    const Tensors& fixed(const Tensors& inputs);
    Tensors run_in_pool(const Tensors& inputs, const Work& work);

    bool enabled_;
    Tensors inputs_;
    std::unique_ptr<Recordings> recordings_;
};

}  // namespace flashvsr
