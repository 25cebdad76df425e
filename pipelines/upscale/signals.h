// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace upscale {

// From now on SIGINT, SIGTERM and SIGHUP remove what is unfinished and end the process as
// interrupted, whatever its threads wait for. One that is ignored, as under nohup, stays so. Comes
// before any thread is started.
void catch_signals();

// While it lives, a signal has the work come to its end instead: within five seconds, or one after
// a second signal; then the process ends as without it.
class Interruption {
  public:
    // interrupt: called for each signal, by the thread's main loop.
    explicit Interruption(std::function<void()> interrupt);
    ~Interruption();
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;
};

}  // namespace upscale
