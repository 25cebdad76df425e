// SPDX-License-Identifier: Apache-2.0
#include "pipelines/cli/upscaler_options.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "pipelines/cli/property.h"

namespace pipelines {

namespace {

// Those that have options of their own names.
constexpr const char* kOptions[] = {"model-dir", "scale",  "strength",  "color-fix", "overload",
                                    "startup",   "device", "precision", "preset"};

// What `overload` is when nobody says.
constexpr char kOverload[] = "bicubic";

bool has_option(const GParamSpec* property) {
    return std::find(std::begin(kOptions), std::end(kOptions), std::string(property->name)) !=
           std::end(kOptions);
}

}  // namespace

void UpscalerOptions::add_to(CommandLine* line) {
    std::vector<GOptionEntry> entries;
    for (GParamSpec* property : upscaler_properties()) {
        const char* initial = std::strcmp(property->name, "overload") == 0 ? kOverload : nullptr;
        if (has_option(property)) {
            entries.push_back(property_option(property, property->name, initial, keep));
        }
    }
    entries.push_back({"set", 0, 0, G_OPTION_ARG_CALLBACK, reinterpret_cast<gpointer>(keep),
                       "Any property of the element; may be repeated", "PROPERTY=VALUE"});
    line->add_group("Model and picture:", entries, this);
}

gboolean UpscalerOptions::keep(const gchar* option, const gchar* value, gpointer self,
                               GError** error) {
    std::string name(option + std::strspn(option, "-"));
    std::string text(value);
    if (name == "set") {
        const size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0) {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        "--set is '%s': it takes PROPERTY=VALUE", value);
            return FALSE;
        }
        name = text.substr(0, equals);
        text = text.substr(equals + 1);
    }
    static_cast<UpscalerOptions*>(self)->properties_.emplace_back(name, text);
    return TRUE;
}

void UpscalerOptions::apply(GstElement* upscaler) const {
    set_property(upscaler, "overload", kOverload, "overload");
    for (const auto& [name, value] : properties_) set_property(upscaler, name, value, name);
}

}  // namespace pipelines
