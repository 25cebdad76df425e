// SPDX-License-Identifier: Apache-2.0
#include "pipelines/cli/property.h"

#include <algorithm>
#include <cctype>

#include "pipelines/cli/exit_code.h"

namespace pipelines {

namespace {

// A number as a person writes it.
std::string shown(double number) {
    gchar text[G_ASCII_DTOSTR_BUF_SIZE];
    return g_ascii_formatd(text, sizeof text, "%.12g", number);
}

std::string range(double low, double high) { return shown(low) + " to " + shown(high); }

// What the property takes, in words; empty: any text.
std::string allowed(GParamSpec* spec) {
    if (G_IS_PARAM_SPEC_ENUM(spec)) {
        const GEnumClass* values = G_PARAM_SPEC_ENUM(spec)->enum_class;
        std::string names;
        for (guint i = 0; i < values->n_values; ++i) {
            names += (i ? ", " : "") + std::string(values->values[i].value_nick);
        }
        return names;
    }
    if (G_IS_PARAM_SPEC_DOUBLE(spec)) {
        return range(G_PARAM_SPEC_DOUBLE(spec)->minimum, G_PARAM_SPEC_DOUBLE(spec)->maximum);
    }
    if (G_IS_PARAM_SPEC_INT(spec)) {
        return "whole numbers from " +
               range(G_PARAM_SPEC_INT(spec)->minimum, G_PARAM_SPEC_INT(spec)->maximum);
    }
    if (G_IS_PARAM_SPEC_UINT(spec)) {
        return "whole numbers from " +
               range(G_PARAM_SPEC_UINT(spec)->minimum, G_PARAM_SPEC_UINT(spec)->maximum);
    }
    if (G_IS_PARAM_SPEC_BOOLEAN(spec)) return "true, false";
    if (G_IS_PARAM_SPEC_UINT64(spec)) return "whole numbers from 0";
    return {};
}

// Empty: there is none.
std::string default_of(GParamSpec* spec) {
    const GValue* value = g_param_spec_get_default_value(spec);
    if (G_VALUE_HOLDS_DOUBLE(value)) return shown(g_value_get_double(value));
    gchar* text =
        G_VALUE_HOLDS_STRING(value) ? g_value_dup_string(value) : gst_value_serialize(value);
    const std::string result = text ? text : "";
    g_free(text);
    return result;
}

// Whether the option of the property stands without a value, for true.
bool is_flag(GParamSpec* spec) {
    return G_IS_PARAM_SPEC_BOOLEAN(spec) && !G_PARAM_SPEC_BOOLEAN(spec)->default_value;
}

// What --help says of an option that sets the property.
std::string help_on(GParamSpec* spec, const char* initial) {
    const std::string about = g_param_spec_get_blurb(spec);
    const std::string standard = initial ? initial : default_of(spec);
    if (is_flag(spec) || standard.empty()) return about;
    const std::string takes = allowed(spec);
    return about + " (" + takes + (takes.empty() ? "" : "; ") + "default " + standard + ")";
}

// The last word of the property's name: model-dir takes a DIR.
std::string placeholder(GParamSpec* spec) {
    std::string name = spec->name;
    name.erase(0, name.rfind('-') + 1);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char letter) { return std::toupper(letter); });
    return name;
}

// Reads `text` for the property. GLib reads a number's beginning and clamps; here all of it
// counts.
bool read(GParamSpec* spec, const std::string& text, GValue* value) {
    g_value_init(value, spec->value_type);
    if (G_IS_PARAM_SPEC_STRING(spec)) {
        g_value_set_string(value, text.c_str());
        return true;
    }
    if (G_IS_PARAM_SPEC_ENUM(spec)) {
        const GEnumValue* found =
            g_enum_get_value_by_nick(G_PARAM_SPEC_ENUM(spec)->enum_class, text.c_str());
        if (found) g_value_set_enum(value, found->value);
        return found != nullptr;
    }
    if (G_IS_PARAM_SPEC_DOUBLE(spec)) {
        gchar* end = nullptr;
        g_value_set_double(value, g_ascii_strtod(text.c_str(), &end));
        if (text.empty() || *end) return false;
    } else if (!gst_value_deserialize(value, text.c_str())) {
        return false;
    }
    return !g_param_value_validate(spec, value);  // true: it had to be changed
}

}  // namespace

std::vector<GParamSpec*> upscaler_properties() {
    GstElement* element = gst_element_factory_make("flashvsrupscale", nullptr);
    if (!element) {
        throw Failure(ExitCode::kMissing,
                      "the element flashvsrupscale is not installed (GST_PLUGIN_PATH names folders "
                      "with more plugins)");
    }
    guint count = 0;
    GParamSpec** all = g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &count);
    std::vector<GParamSpec*> own;
    std::copy_if(all, all + count, std::back_inserter(own), [&](GParamSpec* property) {
        return property->owner_type == G_OBJECT_TYPE(element) &&
               (property->flags & G_PARAM_WRITABLE);
    });
    g_free(all);
    gst_object_unref(element);
    return own;
}

GOptionEntry property_option(GParamSpec* property, const char* option, const char* initial,
                             GOptionArgFunc keep) {
    const bool flag = is_flag(property);
    // GLib keeps the pointers, and a callback beside plain values.
    return {g_intern_string(option),
            0,
            flag ? G_OPTION_FLAG_NO_ARG : 0,
            G_OPTION_ARG_CALLBACK,
            reinterpret_cast<gpointer>(keep),
            g_intern_string(help_on(property, initial).c_str()),
            flag ? nullptr : g_intern_string(placeholder(property).c_str())};
}

void set_property(GstElement* element, const std::string& property, const std::string& text,
                  const std::string& option) {
    GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), property.c_str());
    if (!spec || !(spec->flags & G_PARAM_WRITABLE)) {
        throw Failure(ExitCode::kUsage, option + " is not in this version of the element");
    }
    GValue value = G_VALUE_INIT;
    if (!read(spec, text, &value)) {
        g_value_unset(&value);
        const std::string takes = allowed(spec);
        throw Failure(ExitCode::kUsage, option + " is '" + text + "'" +
                                            (takes.empty() ? "" : ": allowed are " + takes));
    }
    g_object_set_property(G_OBJECT(element), property.c_str(), &value);
    g_value_unset(&value);
}

}  // namespace pipelines
