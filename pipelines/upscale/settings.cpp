#include "pipelines/upscale/settings.h"

#include <cstdlib>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

/// A number as a person writes it.
std::string shown(double number) {
    gchar text[G_ASCII_DTOSTR_BUF_SIZE];
    return g_ascii_formatd(text, sizeof text, "%.12g", number);
}

std::string range(double low, double high) { return shown(low) + " to " + shown(high); }

/// What the property takes, in words; empty: any text.
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
    if (G_IS_PARAM_SPEC_UINT64(spec)) return "whole numbers from 0";
    return {};
}

/// Reads `text` for the property. GLib reads a number's beginning and clamps; here all of it
/// counts.
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

void apply(GstElement* element, const Setting& setting, const std::string& text) {
    const std::string option = std::string("--") + setting.option;
    GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), setting.property);
    if (!spec) {
        throw Failure(ExitCode::kUsage, option + " is not in this version of the element");
    }
    GValue value = G_VALUE_INIT;
    if (!read(spec, text, &value)) {
        g_value_unset(&value);
        throw Failure(ExitCode::kUsage,
                      option + " is '" + text + "': allowed are " + allowed(spec));
    }
    g_object_set_property(G_OBJECT(element), setting.property, &value);
    g_value_unset(&value);
}

}  // namespace

const std::vector<Setting>& settings() {
    static const std::vector<Setting> list = {
        {"model-dir", "model-dir", nullptr, false, "FOLDER",
         "Folder with the files of the model (default: $FLASHVSR_MODEL_DIR, else the small model "
         "that ships)"},
        {"version", "model-version", nullptr, false, "VERSION",
         "Of the model: auto (default), 1, 1.1"},
        {"mode", "mode", nullptr, false, "MODE", "tiny (default), tiny-long (the same), full"},
        {"vae-type", "vae-type", nullptr, false, "TYPE",
         "Decoder: tcd, wan2.1, ... (default: by --mode)"},
        {"vae-path", "vae-path", nullptr, false, "FILE", "Weights of the decoder"},
        {"vae-adapter", "vae-adapter", nullptr, false, "FILE", "Weights of the latent adapter"},
        {"scale", "scale", "2.0", false, "FACTOR", "1 to 8 (default 2, the model is made for 4)"},
        {"seed", "seed", nullptr, false, "N", "Of the noise (default 0)"},
        {"sparse-ratio", "sparse-ratio", nullptr, false, "RATIO",
         "Attention budget: 1.5 faster, 2 steadier (default 2)"},
        {"kv-ratio", "kv-ratio", nullptr, false, "RATIO", "Memory of the past (default 3)"},
        {"local-range", "local-range", nullptr, false, "N", "9 sharper, 11 steadier (default 11)"},
        {"color-fix", "color-fix", nullptr, true, "METHOD", "adain (default), wavelet, none"},
        {"strength", "strength", nullptr, false, "S",
         "0 the resized input to 1 the model's picture (default 1)"},
        {"device", "device", nullptr, false, "DEVICE",
         "auto (default: CUDA where there is one), cpu, cuda, cuda:N"},
        {"dtype", "precision", nullptr, false, "TYPE",
         "auto (default: bf16 on CUDA, fp32 on the CPU), fp32, bf16, fp16, fp8-linears, fp8"},
    };
    return list;
}

void apply_settings(GstElement* element, const std::map<std::string, std::string>& typed) {
    for (const Setting& setting : settings()) {
        const auto found = typed.find(setting.option);
        if (found != typed.end() && !(setting.optional && found->second.empty())) {
            apply(element, setting, found->second);
        } else if (setting.initial) {
            apply(element, setting, setting.initial);
        }
    }
}

}  // namespace upscale
