// SPDX-License-Identifier: Apache-2.0
// Names a stretch of work for profilers and benchmarks.
#pragma once

namespace flashvsr {

// While it lives: an NVTX range (CUDA builds), and calls to the listener of this thread, if one is
// set. Names are static strings. Costs nothing measurable without a profiler.
class Stage {
  public:
    // Told of a stage's begin and end on the thread that queues its work.
    class Listener {
      public:
        virtual ~Listener() = default;
        virtual void begin(const char* name) = 0;
        virtual void end(const char* name) = 0;
    };

    explicit Stage(const char* name);
    ~Stage();
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    // For the calling thread; null to stop.
    static void listen(Listener* listener);

  private:
    const char* name_;
};

// What `work` returns, done as a stage.
template <typename Work>
auto staged(const char* name, Work work) {
    const Stage stage(name);
    return work();
}

}  // namespace flashvsr
