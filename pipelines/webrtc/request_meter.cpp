// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/request_meter.h"

#include <glib.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "pipelines/webrtc/limits.h"

namespace webrtc {

namespace {

std::string trimmed(const std::string& text) {
    const size_t begin = text.find_first_not_of(" \t\r");
    if (begin == std::string::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

bool is_length(const std::string& value) {
    constexpr size_t kMaxDigits = 18;
    return !value.empty() && value.size() <= kMaxDigits &&
           value.find_first_not_of("0123456789") == std::string::npos;
}

// libsoup keeps every method that it meets for ever.
bool begins_with_method(const std::string& line) {
    const auto begins = [&](const char* method) { return line.rfind(method, 0) == 0; };
    constexpr const char* kMethods[] = {"GET ",     "HEAD ",    "POST ",  "PUT ",  "DELETE ",
                                        "OPTIONS ", "CONNECT ", "TRACE ", "PATCH "};
    return std::any_of(std::begin(kMethods), std::end(kMethods), begins);
}

}  // namespace

RequestMeter::Verdict RequestMeter::take(const uint8_t* data, size_t size) {
    bytes_ += size;
    if (bytes_ > limits::kLongestRequest) return Verdict::kTooLong;
    for (size_t i = 0; i < size; ++i) {
        if (ended_) {
            ++behind_;
        } else if (data[i] != '\n') {
            line_ += static_cast<char>(data[i]);
        } else if (!end_line()) {
            return Verdict::kBad;
        }
    }
    return Verdict::kFine;
}

// The header ends, for the library as well, at the first empty line at the latest. False: the line
// may not be.
bool RequestMeter::end_line() {
    const std::string line = std::exchange(line_, {});
    const bool first = lines_++ == 0;
    if (line.find('\0') != std::string::npos) return false;
    if (first) return begins_with_method(line);
    if (line.empty() || line == "\r") {
        ended_ = true;
        return true;
    }
    if (line[0] == ' ' || line[0] == '\t') return false;  // goes on with the one before
    const size_t colon = line.find(':');
    return colon == std::string::npos ||
           is_good_field(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
}

bool RequestMeter::is_good_field(const std::string& name, const std::string& value) {
    const auto is = [&](const char* other) { return g_ascii_strcasecmp(name.c_str(), other) == 0; };
    if (is("Transfer-Encoding")) return false;
    if (is("Content-Length")) return !std::exchange(has_length_, true) && is_length(value);
    return !is("Host") || value.find('/') == std::string::npos;
}

}  // namespace webrtc
