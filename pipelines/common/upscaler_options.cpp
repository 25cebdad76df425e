#include "pipelines/common/upscaler_options.h"

#include <cstring>

#include "pipelines/common/property.h"

namespace pipelines {

namespace {

struct Property {
    const char* name;
    const char* values;
    const char* help;
};

constexpr Property kProperties[] = {
    {"model-dir", "FOLDER",
     "Folder with the files of the model (default: $FLASHVSR_MODEL_DIR, else the small model that "
     "ships)"},
    {"scale", "FACTOR", "1 to 8 (default 4)"},
    {"strength", "S", "0 the resized input to 1 the model's picture (default 1)"},
    {"color-fix", "METHOD", "adain (default), wavelet, none"},
    {"overload", "POLICY", "What becomes of frames in excess: bicubic (default), drop, block"},
    {"startup", "HOW", "reference (default) or fast: half the latency of the first chunk"},
    {"device", "DEVICE", "auto (default: CUDA where there is one), cpu, cuda, cuda:N"},
    {"precision", "TYPE", "auto (default), fp32, bf16, fp16, fp8-linears, fp8"},
};

}  // namespace

void UpscalerOptions::add_to(CommandLine* line) {
    std::vector<GOptionEntry> entries;
    // GLib's way of keeping a callback beside plain values.
    const auto callback = reinterpret_cast<gpointer>(keep);
    for (const Property& property : kProperties) {
        entries.push_back(
            {property.name, 0, 0, G_OPTION_ARG_CALLBACK, callback, property.help, property.values});
    }
    entries.push_back({"set", 0, 0, G_OPTION_ARG_CALLBACK, callback,
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
    set_property(upscaler, "overload", "bicubic", "overload");
    for (const auto& [name, value] : properties_) set_property(upscaler, name, value, name);
}

}  // namespace pipelines
