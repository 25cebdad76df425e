// SPDX-License-Identifier: Apache-2.0
// GStreamer for the targets that need it.
#pragma once

#include <gst/gst.h>

#include <string>

namespace fuzz {

/// Has the element in this process, with the stub engine linked in, and nothing else of GStreamer
/// but its core. The first call counts.
void start_gstreamer();

/// gst_caps_from_string(), whose own complaints about the text do not count. The caller owns them;
/// null: they cannot be read.
GstCaps* caps_from(const std::string& text);

}  // namespace fuzz
