// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace webrtc {

// Watches the bytes of a peer's one request, before the library sees them: versions of it never
// give back what they keep of a request whose length cannot be told or whose host is none.
class RequestMeter {
  public:
    enum class Verdict { kFine, kTooLong, kBad };

    // The next bytes, cut anywhere. After a verdict other than kFine the connection has to end.
    Verdict take(const uint8_t* data, size_t size);

    size_t bytes() const { return bytes_; }    // so far
    size_t behind() const { return behind_; }  // of them, behind the header

  private:
    bool end_line();
    bool is_good_field(const std::string& name, const std::string& value);

    size_t bytes_ = 0, behind_ = 0;
    size_t lines_ = 0;  // of the header
    std::string line_;  // so far
    bool ended_ = false, has_length_ = false;
};

}  // namespace webrtc
