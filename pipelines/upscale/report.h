// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace upscale {

// Something that the input holds and the output does not, though nobody asked to leave it out.
struct Loss {
    std::string kind;  // one word for programs: "track", "truncated", "undecodable", ...
    std::string text;  // a sentence for people
};

using Say = std::function<void(const std::string&)>;

// What became of one input beside its frames. Any thread may use it.
class Report {
  public:
    // say: prints a line; called from the thread that reports. strict: a loss is a failure.
    Report(Say say, bool strict);

    // Says the loss at once and keeps it. The same kind and text count once.
    void loss(const std::string& kind, const std::string& text);

    // In the order in which they came.
    std::vector<Loss> losses() const;
    // There are losses and none is allowed: the work may stop, and its result gets no name.
    bool refused() const;
    // Throws Failure (kFailed) where refused() holds.
    void check() const;

  private:
    const Say say_;
    const bool strict_;
    mutable std::mutex mutex_;
    std::vector<Loss> losses_;
};

}  // namespace upscale
