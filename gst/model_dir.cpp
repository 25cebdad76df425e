#include "gst/model_dir.h"

#include <glib.h>

namespace flashvsr {

namespace {

bool is_folder(const std::string& path) { return g_file_test(path.c_str(), G_FILE_TEST_IS_DIR); }

}  // namespace

ModelDir find_model_dir(const std::string& chosen) {
    if (!chosen.empty()) return {chosen, false};
    const char* from_environment = g_getenv("FLASHVSR_MODEL_DIR");
    if (from_environment && *from_environment) return {from_environment, false};

    const std::string user_data = std::string(g_get_user_data_dir()) + "/flashvsr/";
    for (const char* name : {"FlashVSR-v1.1", "FlashVSR"}) {
        if (is_folder(user_data + name)) return {user_data + name, false};
    }

    const char* nano_from_environment = g_getenv("FLASHVSR_NANO_DIR");
    const std::string nano =
        nano_from_environment ? nano_from_environment : FLASHVSR_DATA_DIR "/nano";
    if (is_folder(nano)) return {nano, true};
    return {};
}

}  // namespace flashvsr
