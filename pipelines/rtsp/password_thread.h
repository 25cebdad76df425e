// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

namespace rtsp {

// A thread for what takes long: hashes of passwords. All clients share another one, which
// meanwhile answers the rest of them. One hash at a time, the others wait in their order.
class PasswordThread {
  public:
    PasswordThread();
    // Waits for nothing.
    ~PasswordThread();
    PasswordThread(const PasswordThread&) = delete;
    PasswordThread& operator=(const PasswordThread&) = delete;

    // Has `work` done, and `then` on the thread of the caller, a main loop's. Neither may throw.
    // Both are destroyed there; where the loop has ended meanwhile, without `then`.
    void ask(std::function<void()> work, std::function<void()> then);

  private:
    struct State;
    const std::shared_ptr<State> state_;
};

}  // namespace rtsp
