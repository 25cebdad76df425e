// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/settings.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "pipelines/cli/property.h"
#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

// Where an option is more than the property of its name.
constexpr struct {
    const char* property;
    const char* option;
    const char* initial;
    bool value_optional;
} kOwnWays[] = {
    {"model-version", "version", nullptr, false},
    {"precision", "dtype", nullptr, false},
    {"scale", "scale", "2", false},
    {"color-fix", "color-fix", nullptr, true},
};

constexpr const char* kOfLiveStreams[] = {"enabled", "overload", "scene-cut"};

std::vector<Setting> make_settings() {
    std::vector<Setting> made;
    for (GParamSpec* property : pipelines::upscaler_properties()) {
        const auto is_named = [property](const char* name) {
            return std::strcmp(property->name, name) == 0;
        };
        if (std::any_of(std::begin(kOfLiveStreams), std::end(kOfLiveStreams), is_named)) continue;
        Setting setting = {property, property->name, nullptr, false};
        for (const auto& own : kOwnWays) {
            if (is_named(own.property)) {
                setting = {property, own.option, own.initial, own.value_optional};
            }
        }
        made.push_back(setting);
    }
    return made;
}

}  // namespace

const std::vector<Setting>& settings() {
    static const std::vector<Setting> made = make_settings();
    return made;
}

void apply_settings(GstElement* element, const std::map<std::string, std::string>& typed) {
    for (const Setting& setting : settings()) {
        const char* property = setting.property->name;
        const std::string option = std::string("--") + setting.option;
        const auto found = typed.find(setting.option);
        const bool bare = found != typed.end() && found->second.empty();
        if (bare && G_IS_PARAM_SPEC_BOOLEAN(setting.property)) {
            pipelines::set_property(element, property, "true", option);
        } else if (found != typed.end() && !(setting.value_optional && bare)) {
            pipelines::set_property(element, property, found->second, option);
        } else if (setting.initial) {
            pipelines::set_property(element, property, setting.initial, option);
        }
    }
}

GstElement* make_upscaler(const std::map<std::string, std::string>& typed) {
    settings();  // tells that the element is not installed
    GstElement* element = gst_element_factory_make("flashvsrupscale", "upscaler");
    gst_object_ref_sink(element);
    try {
        apply_settings(element, typed);
    } catch (const Failure&) {
        gst_object_unref(element);
        throw;
    }
    return element;
}

double scale_of(const std::map<std::string, std::string>& typed) {
    GstElement* element = make_upscaler(typed);
    gdouble scale = 0;
    g_object_get(element, "scale", &scale, nullptr);
    gst_object_unref(element);
    return scale;
}

}  // namespace upscale
