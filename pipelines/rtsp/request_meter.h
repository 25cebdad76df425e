// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "pipelines/live/allowance.h"
#include "pipelines/rtsp/limits.h"

namespace rtsp {

// Watches the bytes that a peer sends, before GstRTSPConnection sees them: that has no limit for
// headers, and takes any number of messages.
//
// It has to find each message's end where GstRTSPConnection finds it, or a peer could hide an
// endless header in what looks like something else. So it lets only through what cannot be
// understood in two ways: lines that end in CR LF, no NUL, one Content-Length, RTSP and not the
// HTTP of a tunnel.
class RequestMeter {
  public:
    enum class Verdict { kFine, kBad, kTooLong, kTooMany };

    // The next bytes, cut anywhere. may_send_data: interleaved data is allowed now; now: in
    // microseconds. After a verdict other than kFine the connection has to end.
    Verdict take(const uint8_t* data, size_t size, bool may_send_data, int64_t now);

    // When the message began that has not come to its end; 0: there is none.
    int64_t unfinished_since() const { return began_; }

  private:
    enum class State { kStart, kDataHeader, kHeader, kBody };

    Verdict take_byte(char byte, bool may_send_data, int64_t now);
    Verdict begin(char byte, bool may_send_data, int64_t now);
    Verdict take_header(char byte, int64_t now);
    Verdict end_line();
    void await_body(size_t size);

    State state_ = State::kStart;
    int64_t began_ = 0;
    size_t header_ = 0;  // bytes of it
    size_t body_ = 0;    // bytes of it that are still to come
    std::string line_;   // of the header, as far as it has come
    bool first_line_ = true;
    bool has_length_ = false;
    int pipelines_ = 0;
    pipelines::Allowance header_bytes_{limits::kHeaderBytesPerSecond, limits::kHeaderBytesAtOnce};
    pipelines::Allowance messages_{limits::kMessagesPerSecond, limits::kMessagesAtOnce};
};

}  // namespace rtsp
