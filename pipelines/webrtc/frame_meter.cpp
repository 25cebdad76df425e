// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/frame_meter.h"

#include <algorithm>

namespace webrtc {

namespace {

// RFC 6455, 5.2.
constexpr uint8_t kFinal = 0x80, kOpcode = 0x0f, kControl = 0x08, kPing = 0x09;
constexpr uint8_t kMasked = 0x80, kLength = 0x7f, kLength16 = 126, kLength64 = 127;

}  // namespace

FrameMeter::Verdict FrameMeter::take(const uint8_t* data, size_t size, int64_t now) {
    for (size_t at = 0; at < size;) {
        if (payload_ > 0) {
            const uint64_t skipped = std::min<uint64_t>(payload_, size - at);
            payload_ -= skipped;
            at += skipped;
            continue;
        }
        header_[have_++] = data[at++];
        if (have_ < header_size()) continue;
        const Verdict verdict = begin_frame(now);
        have_ = 0;
        if (verdict != Verdict::kFine) return verdict;
    }
    return Verdict::kFine;
}

size_t FrameMeter::take_answers() {
    const size_t answers = answers_;
    answers_ = 0;
    return answers;
}

// As far as the bytes tell that have come.
size_t FrameMeter::header_size() const {
    if (have_ < 2) return 2;
    const uint8_t length = header_[1] & kLength;
    return 2 +
           (length == kLength16   ? 2
            : length == kLength64 ? 8
                                  : 0) +
           (header_[1] & kMasked ? 4 : 0);
}

FrameMeter::Verdict FrameMeter::begin_frame(int64_t now) {
    const uint8_t short_length = header_[1] & kLength;
    const size_t bytes = short_length == kLength16 ? 2 : short_length == kLength64 ? 8 : 0;
    payload_ = bytes ? 0 : short_length;
    for (size_t i = 0; i < bytes; ++i) payload_ = payload_ << 8 | header_[2 + i];
    if (payload_ > limits::kLongestMessage) return Verdict::kTooLong;
    if (!allowance_.take(now)) return Verdict::kTooMany;
    if (header_[0] & kControl) {
        if ((header_[0] & kOpcode) == kPing) answers_ += 2 + payload_;
        return Verdict::kFine;
    }
    message_ += payload_;
    if (message_ > limits::kLongestMessage) return Verdict::kTooLong;
    if (header_[0] & kFinal) message_ = 0;
    return Verdict::kFine;
}

}  // namespace webrtc
