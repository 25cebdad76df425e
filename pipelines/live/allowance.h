// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "pipelines/live/limits.h"

namespace pipelines {

// So many of something at once, and then so many a second (a token bucket).
class Allowance {
  public:
    Allowance(double per_second, double at_once)
        : per_second_(per_second), at_once_(at_once), left_(at_once) {}

    // Whether one more is allowed; it is counted then. now: in microseconds.
    bool take(int64_t now) {
        left_ = left(now);
        counted_at_ = now;
        if (left_ < 1) return false;
        left_ -= 1;
        return true;
    }

    // As if nothing had been taken yet.
    bool is_full(int64_t now) const { return left(now) >= at_once_; }

  private:
    double left(int64_t now) const {
        const double grown = static_cast<double>(now - counted_at_) / limits::kSecond;
        return std::min(at_once_, left_ + grown * per_second_);
    }

    double per_second_, at_once_, left_;
    int64_t counted_at_ = 0;
};

}  // namespace pipelines
