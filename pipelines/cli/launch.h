// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <string>

namespace pipelines {

// The pipeline of a launch line. Throws Failure (kMissing), which names the element that is not
// installed or what is wrong with the line.
GstElement* launch(const std::string& line);

// An element of the bin, which goes on owning it; null: there is none of that name.
GstElement* named(GstElement* bin, const char* name);

// What an ERROR, WARNING or INFO message says, for a person, without secrets (redact.h).
std::string text_of(GstMessage* message);

}  // namespace pipelines
