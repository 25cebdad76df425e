// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "pipelines/live/allowance.h"
#include "pipelines/webrtc/limits.h"

namespace webrtc {

// Watches the bytes that a peer sends over a WebSocket, before the library sees them: it has no
// limit for the whole of a fragmented message, nor for pings and the number of messages.
class FrameMeter {
  public:
    enum class Verdict { kFine, kTooLong, kTooMany };

    // The next bytes, cut anywhere; now: in microseconds. After a verdict other than kFine the
    // connection has to end.
    Verdict take(const uint8_t* data, size_t size, int64_t now);

    // Bytes that the library's answers to the pings so far take; counts from 0 again.
    size_t take_answers();

  private:
    size_t header_size() const;
    Verdict begin_frame(int64_t now);

    std::array<uint8_t, 14> header_ = {};
    size_t have_ = 0;       // bytes of the header
    uint64_t payload_ = 0;  // bytes of it that are still to come
    uint64_t message_ = 0;  // bytes of the message so far
    size_t answers_ = 0;
    pipelines::Allowance allowance_{limits::kFramesPerSecond, limits::kFramesAtOnce};
};

}  // namespace webrtc
