// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace pipelines {

// Who fails waits before the next try, longer each time: 1, 2, 4 ... 16 s. Counted by address, so
// that further connections are of no use. Success does not shorten it: who has one password would
// guess another one faster. After a minute without a failure all is forgotten. Any thread.
//
// Times are those of g_get_monotonic_time(), in microseconds.
class Backoff {
  public:
    // How long the address still has to wait; 0: it may try.
    int64_t wait(const std::string& address, int64_t now);
    // Takes note of a failure; returns how long the address has to wait now.
    int64_t fail(const std::string& address, int64_t now);

  private:
    struct Failures {
        int count = 0;
        int64_t until = 0;
    };
    void make_room(int64_t now);

    std::mutex mutex_;
    std::map<std::string, Failures> failures_;
};

}  // namespace pipelines
