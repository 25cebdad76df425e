// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <map>
#include <string>
#include <vector>

namespace upscale {

// An option that sets a property of the element.
struct Setting {
    GParamSpec* property;
    const char* option;   // its name on the command line
    const char* initial;  // what is set without the option; null: the element's own default
    bool value_optional;  // without one it is the element's default
};

// One for each property but those of live streams. Throws Failure (kMissing) where the element is
// not installed.
const std::vector<Setting>& settings();

// Sets the element's properties from the values typed by option name, else from their defaults.
// The element itself says what is allowed. Throws Failure (kUsage) with that on a bad value, or
// where the installed element has no such property.
void apply_settings(GstElement* element, const std::map<std::string, std::string>& typed);

// The element with these settings. Throws Failure: kMissing where it is not installed, else as
// above. The caller owns it.
GstElement* make_upscaler(const std::map<std::string, std::string>& typed);

// The factor that the element has with these settings. Throws as above.
double scale_of(const std::map<std::string, std::string>& typed);

}  // namespace upscale
