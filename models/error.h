// SPDX-License-Identifier: Apache-2.0
// The one exception type of the engine. The C interface turns it into a status and a message.
#pragma once

#include <stdexcept>
#include <string>

namespace flashvsr {

class Error : public std::runtime_error {
  public:
    enum class Kind {
        kInvalidArgument,
        kNotFound,     // file or folder missing
        kReadFailed,   // cut short, or the system refused
        kBadFormat,    // not a checkpoint of this model
        kBadSettings,  // values that exclude each other, or that this build lacks
        kNoMemory,
        kCancelled,
    };

    Error(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
    Kind kind() const { return kind_; }

  private:
    Kind kind_;
};

}  // namespace flashvsr
