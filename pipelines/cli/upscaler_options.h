// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <string>
#include <utility>
#include <vector>

#include "pipelines/cli/command_line.h"

namespace pipelines {

// What a live server is told about flashvsrupscale: the properties that people need as options of
// their own names (--model-dir, --scale ...), every other with --set PROPERTY=VALUE.
class UpscalerOptions {
  public:
    // Adds the options to the command line, which this outlives. Throws Failure (kMissing) where
    // the element is not installed.
    void add_to(CommandLine* line);

    // Sets the properties, in the order in which they were typed. What nobody typed is the
    // element's default, but for `overload`: a server that is too slow shows resized frames
    // (bicubic) rather than later and later ones. Throws Failure (kUsage) on a bad value.
    void apply(GstElement* upscaler) const;

  private:
    static gboolean keep(const gchar* option, const gchar* value, gpointer self, GError** error);

    std::vector<std::pair<std::string, std::string>> properties_;  // name and value
};

}  // namespace pipelines
