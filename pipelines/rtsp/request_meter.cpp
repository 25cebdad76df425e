// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/request_meter.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace rtsp {

namespace {

constexpr size_t kDataHeader = 4;  // '$', channel, length
constexpr char kLength[] = "content-length";
constexpr char kPipeline[] = "pipelined-requests";

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

bool is_number(const std::string& text) {
    return !text.empty() && text.size() <= 9 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

RequestMeter::Verdict RequestMeter::take(const uint8_t* data, size_t size, bool may_send_data,
                                         int64_t now) {
    for (size_t at = 0; at < size;) {
        if (state_ == State::kBody) {
            const size_t taken = std::min(body_, size - at);
            at += taken;
            await_body(body_ - taken);
            continue;
        }
        const Verdict verdict = take_byte(static_cast<char>(data[at++]), may_send_data, now);
        if (verdict != Verdict::kFine) return verdict;
    }
    return Verdict::kFine;
}

RequestMeter::Verdict RequestMeter::take_byte(char byte, bool may_send_data, int64_t now) {
    switch (state_) {
        case State::kStart: return begin(byte, may_send_data, now);
        case State::kDataHeader:
            line_ += byte;
            if (line_.size() == kDataHeader) {
                await_body(static_cast<uint8_t>(line_[2]) << 8 | static_cast<uint8_t>(line_[3]));
            }
            return Verdict::kFine;
        default: return take_header(byte, now);
    }
}

RequestMeter::Verdict RequestMeter::begin(char byte, bool may_send_data, int64_t now) {
    if (!messages_.take(now)) return Verdict::kTooMany;
    if (byte == '\r' || byte == '\n') return Verdict::kFine;  // between messages
    began_ = now;
    header_ = 0;
    first_line_ = true;
    has_length_ = false;
    line_.clear();
    if (byte != '$') {
        state_ = State::kHeader;
        return take_header(byte, now);
    }
    state_ = State::kDataHeader;
    line_ = byte;
    return may_send_data ? Verdict::kFine : Verdict::kBad;
}

RequestMeter::Verdict RequestMeter::take_header(char byte, int64_t now) {
    if (++header_ > limits::kLongestHeader) return Verdict::kTooLong;
    if (!header_bytes_.take(now)) return Verdict::kTooMany;
    const bool after_return = !line_.empty() && line_.back() == '\r';
    if (byte == '\0' || after_return != (byte == '\n')) return Verdict::kBad;
    if (byte != '\n') {
        line_ += byte;
        return Verdict::kFine;
    }
    line_.pop_back();
    return end_line();
}

RequestMeter::Verdict RequestMeter::end_line() {
    const std::string text = std::move(line_), line = lower(text);
    line_.clear();
    if (line.empty()) {
        await_body(body_);
        return Verdict::kFine;
    }
    if (first_line_) {
        first_line_ = false;
        return text.find("HTTP/") == std::string::npos ? Verdict::kFine : Verdict::kBad;
    }
    if (line.rfind(kPipeline, 0) == 0 && ++pipelines_ > limits::kPipelines) {
        return Verdict::kTooMany;
    }
    if (line.find(kLength) == std::string::npos) return Verdict::kFine;
    const size_t number = std::min(line.find_first_not_of(' ', sizeof kLength), line.size());
    const bool clear = !has_length_ && line.rfind(std::string(kLength) + ":", 0) == 0 &&
                       is_number(line.substr(number));
    if (!clear) return Verdict::kBad;
    has_length_ = true;
    body_ = std::strtoul(line.c_str() + number, nullptr, 10);
    return body_ > limits::kLongestBody ? Verdict::kTooLong : Verdict::kFine;
}

// Nothing: the message is complete.
void RequestMeter::await_body(size_t size) {
    body_ = size;
    state_ = size > 0 ? State::kBody : State::kStart;
    if (size == 0) began_ = 0;
}

}  // namespace rtsp
