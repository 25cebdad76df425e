// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/gstreamer_age.h"

#include <gst/gst.h>

namespace pipelines {

namespace {

std::string text_of(const Version& version) {
    return std::to_string(version[0]) + "." + std::to_string(version[1]) + "." +
           std::to_string(version[2]);
}

// A distribution mends faults under the number that it has. What GStreamer's own sources call
// themselves where nobody has said otherwise is of none.
bool is_of_distribution(const std::string& package) {
    for (const char* own : {"source release", "git", "prerelease", "Unknown"})
        if (package.find(own) != std::string::npos) return false;
    return !package.empty();
}

}  // namespace

std::string note_on(const Version& version, const std::string& package) {
    if (version >= kSafeGStreamer) return {};
    const std::string safe = text_of(kSafeGStreamer);
    const std::string what = "GStreamer " + text_of(version);
    if (is_of_distribution(package)) {
        return what + " is older than " + safe +
               "; the security fixes since come with updates of " + package +
               ", so keep those installed (SECURITY.md)";
    }
    return what + " lacks security fixes that " + safe + " has: update it (SECURITY.md)";
}

std::string note_on_gstreamer() {
    Version version{};
    guint nano = 0;
    gst_version(&version[0], &version[1], &version[2], &nano);
    GstPlugin* core = gst_registry_find_plugin(gst_registry_get(), "coreelements");
    const gchar* package = core ? gst_plugin_get_package(core) : nullptr;
    const std::string note = note_on(version, package ? package : "");
    if (core) gst_object_unref(core);
    return note;
}

}  // namespace pipelines
