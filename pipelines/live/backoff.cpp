// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/backoff.h"

#include <algorithm>

namespace pipelines {

namespace {

constexpr int64_t kSecond = 1000000;
constexpr int64_t kLongest = 16 * kSecond;
constexpr int64_t kMemory = 60 * kSecond;
constexpr size_t kMaxAddresses = 4096;

}  // namespace

int64_t Backoff::wait(const std::string& address, int64_t now) {
    const std::lock_guard lock(mutex_);
    const auto found = failures_.find(address);
    return found == failures_.end() ? 0 : std::max<int64_t>(0, found->second.until - now);
}

int64_t Backoff::fail(const std::string& address, int64_t now) {
    const std::lock_guard lock(mutex_);
    make_room(now);
    Failures& failures = failures_[address];
    const int64_t wait = std::min(kSecond << std::min(failures.count, 10), kLongest);
    ++failures.count;
    failures.until = now + wait;
    return wait;
}

// Forgets what is old, and where that does not do, who may try again first.
void Backoff::make_room(int64_t now) {
    for (auto at = failures_.begin(); at != failures_.end();) {
        at = now - at->second.until > kMemory ? failures_.erase(at) : std::next(at);
    }
    if (failures_.size() < kMaxAddresses) return;
    failures_.erase(std::min_element(
        failures_.begin(), failures_.end(),
        [](const auto& a, const auto& b) { return a.second.until < b.second.until; }));
}

}  // namespace pipelines
