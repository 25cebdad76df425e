// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <string>
#include <vector>

namespace pipelines {

// The properties of flashvsrupscale that can be set, in the order in which the element declares
// them; they live as long as the program. Throws Failure (kMissing) where it is not installed.
std::vector<GParamSpec*> upscaler_properties();

// The option of a command line that sets such a property: with a value, or without one where the
// property is false by default and can be true. The help says what the element does: what it is,
// what is allowed, and the default, which is `initial` where that is not null. `keep` gets what was
// typed.
GOptionEntry property_option(GParamSpec* property, const char* option, const char* initial,
                             GOptionArgFunc keep);

// Sets a property of the element from what somebody typed. The element itself says what is
// allowed; nothing is clamped. Throws Failure (kUsage), which names `option` ("--scale") and what
// is allowed, on a bad value or where the element has no such property.
void set_property(GstElement* element, const std::string& property, const std::string& text,
                  const std::string& option);

}  // namespace pipelines
