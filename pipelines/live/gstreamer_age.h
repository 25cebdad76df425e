// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

namespace pipelines {

using Version = std::array<unsigned, 3>;

// The first release with the security fixes that SECURITY.md tells of.
constexpr Version kSafeGStreamer{1, 28, 6};

// What to tell who opens a port about a GStreamer of that version, which calls its build
// `package`; empty: nothing.
std::string note_on(const Version& version, const std::string& package);

// The same of the GStreamer that runs.
std::string note_on_gstreamer();

}  // namespace pipelines
