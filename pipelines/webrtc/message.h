// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace webrtc {

// What a viewer says. Members that are not of the type are empty.
struct Message {
    enum class Type { kAnswer, kCandidate, kClock, kSet };

    Type type = Type::kClock;
    std::string sdp;        // kAnswer
    unsigned line = 0;      // kCandidate: index of the video in the offer
    std::string candidate;  // kCandidate
    double sent = 0;        // kClock: the viewer's time, which is sent back
    std::string name;       // kSet
    nlohmann::json value;   // kSet: a boolean, a number or a string
};

// The text is no message of docs/live.md; what() says why.
class BadMessage : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// Reads JSON of any kind from anybody: an object of scalars, with the members of its type and no
// others, each as long as limits.h allows. Nothing is kept of what is nested; nothing recurses.
// Throws BadMessage.
Message parse_message(const char* text, size_t size);

}  // namespace webrtc
