#include "pipelines/upscale/settings.h"

#include "pipelines/common/property.h"

namespace upscale {

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
        const std::string option = std::string("--") + setting.option;
        const auto found = typed.find(setting.option);
        if (found != typed.end() && !(setting.optional && found->second.empty())) {
            pipelines::set_property(element, setting.property, found->second, option);
        } else if (setting.initial) {
            pipelines::set_property(element, setting.property, setting.initial, option);
        }
    }
}

}  // namespace upscale
