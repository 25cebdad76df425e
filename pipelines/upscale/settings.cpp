#include "pipelines/upscale/settings.h"

#include "pipelines/common/property.h"
#include "pipelines/upscale/exit_code.h"

namespace upscale {

const std::vector<Setting>& settings() {
    constexpr auto kValue = Setting::Form::kValue;
    constexpr auto kOptional = Setting::Form::kOptional;
    constexpr auto kFlag = Setting::Form::kFlag;
    static const std::vector<Setting> list = {
        {"model-dir", "model-dir", nullptr, kValue, "FOLDER",
         "Folder with the files of the model (default: $FLASHVSR_MODEL_DIR, else see "
         "--list-models)"},
        {"version", "model-version", nullptr, kValue, "VERSION",
         "Of the model: auto (default), 1, 1.1"},
        {"mode", "mode", nullptr, kValue, "MODE", "tiny (default), tiny-long (the same), full"},
        {"vae-type", "vae-type", nullptr, kValue, "TYPE",
         "Decoder: tcd, wan2.1, ... (default: by --mode)"},
        {"vae-path", "vae-path", nullptr, kValue, "FILE", "Weights of the decoder"},
        {"vae-adapter", "vae-adapter", nullptr, kValue, "FILE", "Weights of the latent adapter"},
        {"scale", "scale", "2.0", kValue, "FACTOR", "1 to 8 (default 2, the model is made for 4)"},
        {"seed", "seed", nullptr, kValue, "N", "Of the noise (default 0)"},
        {"sparse-ratio", "sparse-ratio", nullptr, kValue, "RATIO",
         "Attention budget: 1.5 faster, 2 steadier (default 2)"},
        {"kv-ratio", "kv-ratio", nullptr, kValue, "RATIO", "Memory of the past (default 3)"},
        {"local-range", "local-range", nullptr, kValue, "N", "9 sharper, 11 steadier (default 11)"},
        {"color-fix", "color-fix", nullptr, kOptional, "METHOD", "adain (default), wavelet, none"},
        {"strength", "strength", nullptr, kValue, "S",
         "0 the resized input to 1 the model's picture (default 1)"},
        {"startup", "startup", nullptr, kValue, "WAY",
         "reference (default): 25 frames come first; fast: 12"},
        {"temporal-compression", "temporal-compression", nullptr, kValue, "N",
         "4 (default); 2 or 1 for fast motion, at two and four times the work"},
        {"tile-dit", "tile-dit", nullptr, kFlag, nullptr,
         "The transformer goes tile by tile: less memory"},
        {"tile-vae", "tile-vae", nullptr, kFlag, nullptr,
         "The decoder goes tile by tile: less memory"},
        {"tile-size", "tile-size", nullptr, kValue, "PIXELS",
         "Side of a tile in the output (default 768)"},
        {"overlap", "overlap", nullptr, kValue, "PIXELS", "Of tiles (default 128)"},
        {"kv-cache", "kv-cache", nullptr, kValue, "WHERE",
         "Memory of the past: device (default), int8, host, host-int8"},
        {"memory", "memory", nullptr, kValue, "HOW",
         "What does not fit the device: strict (default): an error; auto: is made to fit"},
        {"memory-limit", "memory-limit", nullptr, kValue, "MIB",
         "As if the device had no more memory (default 0: what it has)"},
        {"device", "device", nullptr, kValue, "DEVICE",
         "auto (default: CUDA where there is one), cpu, cuda, cuda:N"},
        {"dtype", "precision", nullptr, kValue, "TYPE",
         "auto (default: bf16 on CUDA, fp32 on the CPU), fp32, bf16, fp16, fp8-linears, fp8"},
    };
    return list;
}

void apply_settings(GstElement* element, const std::map<std::string, std::string>& typed) {
    for (const Setting& setting : settings()) {
        const std::string option = std::string("--") + setting.option;
        const auto found = typed.find(setting.option);
        const bool bare = found != typed.end() && found->second.empty();
        if (found != typed.end() && setting.form == Setting::Form::kFlag) {
            pipelines::set_property(element, setting.property, "true", option);
        } else if (found != typed.end() && !(setting.form == Setting::Form::kOptional && bare)) {
            pipelines::set_property(element, setting.property, found->second, option);
        } else if (setting.initial) {
            pipelines::set_property(element, setting.property, setting.initial, option);
        }
    }
}

GstElement* make_upscaler(const std::map<std::string, std::string>& typed) {
    GstElement* element = gst_element_factory_make("flashvsrupscale", "upscaler");
    if (!element) {
        throw Failure(ExitCode::kMissing,
                      "the element flashvsrupscale is not installed (GST_PLUGIN_PATH names folders "
                      "with more plugins)");
    }
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
