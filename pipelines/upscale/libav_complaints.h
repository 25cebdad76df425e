// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace upscale {

// From now on FFmpeg's libraries say nothing by themselves but what ends a program, and that
// without secrets: what goes wrong is said in our own words.
void listen_to_libav();

// While it lives, and in its thread: keeps what FFmpeg's libraries log as errors, which is more
// than their numbers tell, in place of printing it. One at a time in a thread.
class LibavComplaints {
  public:
    // source: the context whose errors count; null: anybody's.
    explicit LibavComplaints(const void* source = nullptr);
    ~LibavComplaints();
    LibavComplaints(const LibavComplaints&) = delete;
    LibavComplaints& operator=(const LibavComplaints&) = delete;

    // There was one.
    static bool any();
    // The first of them; else what the number means.
    static std::string say(int status);
};

}  // namespace upscale
