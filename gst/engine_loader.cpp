#include "gst/engine_loader.h"

#include <dlfcn.h>
#include <glib.h>

#include <vector>

#include "gst/log.h"

namespace flashvsr {

namespace {

constexpr char kLibraryName[] = "libflashvsr.so";

void log_from_engine(int level, const char* message, void*) {
    constexpr GstDebugLevel kLevels[] = {GST_LEVEL_ERROR, GST_LEVEL_WARNING, GST_LEVEL_INFO,
                                         GST_LEVEL_DEBUG};
    GST_CAT_LEVEL_LOG(flashvsr_engine_debug, kLevels[CLAMP(level, 1, 4) - 1], nullptr, "%s",
                      message);
}

/* Folder that holds this plugin, "" if the linker cannot tell. */
std::string plugin_folder() {
    Dl_info info;
    if (!dladdr(reinterpret_cast<const void*>(&load_engine), &info) || !info.dli_fname) return "";
    gchar* folder = g_path_get_dirname(info.dli_fname);
    std::string result = folder;
    g_free(folder);
    return result;
}

std::string find_library() {
    const char* chosen = g_getenv("FLASHVSR_ENGINE");
    if (chosen && *chosen) return chosen;
    const std::string folder = plugin_folder();
    for (const char* place : {"/", "/../", "/../core/"}) {
        const std::string path = folder + place + kLibraryName;
        if (!folder.empty() && g_file_test(path.c_str(), G_FILE_TEST_EXISTS)) return path;
    }
    return kLibraryName;
}

}  // namespace

const FlashvsrApi* load_engine(std::string* error) {
    const std::string path = find_library();
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char* reason = dlerror();
        *error = std::string("The FlashVSR engine could not be opened: ") +
                 (reason ? reason : path.c_str()) +
                 ". Install libflashvsr.so and LibTorch, or set FLASHVSR_ENGINE to the path of "
                 "libflashvsr.so.";
        return nullptr;
    }
    auto get_api = reinterpret_cast<decltype(&flashvsr_api)>(dlsym(library, "flashvsr_api"));
    const FlashvsrApi* api = get_api ? get_api(FLASHVSR_ABI) : nullptr;
    if (!api) {
        *error = "The FlashVSR engine " + path + " does not speak version " +
                 std::to_string(FLASHVSR_ABI) +
                 " of its interface. Install the engine that was built with this plugin.";
        return nullptr;
    }
    api->set_log(log_from_engine, nullptr);
    GST_CAT_INFO(flashvsr_upscale_debug, "engine opened from %s", path.c_str());
    return api;
}

}  // namespace flashvsr
