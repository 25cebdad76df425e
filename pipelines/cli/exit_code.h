// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace pipelines {

// What the programs return to the shell. docs/upscale.md lists them.
enum class ExitCode {
    kDone = 0,
    kFailed = 1,         // while upscaling: decoder, model, encoder, disk
    kUsage = 2,          // an option or a value
    kInput = 3,          // the input cannot be read or has no video
    kOutput = 4,         // the output exists, or cannot be written
    kMissing = 5,        // a GStreamer element or a program is not installed
    kPartly = 6,         // of several files some failed
    kLosses = 7,         // done, but the output lacks something that the input holds
    kInterrupted = 130,  // by SIGINT or SIGTERM; what was done by then is in the output
};

// Ends the program, or the work on one of its files, with `code` after saying `what()`.
class Failure : public std::runtime_error {
  public:
    Failure(ExitCode code, const std::string& what) : std::runtime_error(what), code_(code) {}
    ExitCode code() const { return code_; }

  private:
    ExitCode code_;
};

}  // namespace pipelines
