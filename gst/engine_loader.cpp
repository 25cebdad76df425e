// SPDX-License-Identifier: Apache-2.0
#include "gst/engine_loader.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <vector>

#include "gst/log.h"

namespace flashvsr {

namespace {

constexpr char kLibraryName[] = "libflashvsr.so";

std::atomic<bool> forked{false};  // after the engine was loaded

void watch_forks() {
    static const int watched = pthread_atfork(nullptr, nullptr, [] { forked = true; });
    (void)watched;
}

void log_from_engine(int level, const char* message, void*) {
    constexpr GstDebugLevel kLevels[] = {GST_LEVEL_ERROR, GST_LEVEL_WARNING, GST_LEVEL_INFO,
                                         GST_LEVEL_DEBUG};
    GST_CAT_LEVEL_LOG(flashvsr_engine_debug, kLevels[CLAMP(level, 1, 4) - 1], nullptr, "%s",
                      message);
}

// Folder that holds this plugin, "" if the linker cannot tell.
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

// Whether all that an ELF file is to load lies inside its first `size` bytes. What is no ELF file
// counts as complete.
bool is_complete(int fd, guint64 size) {
    Elf64_Ehdr header;
    if (pread(fd, &header, sizeof header, 0) != sizeof header) return true;
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return true;
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr))
        return true;
    for (guint64 i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr part;
        const auto at = static_cast<off_t>(header.e_phoff + i * sizeof part);
        if (pread(fd, &part, sizeof part, at) != sizeof part) return false;
        const bool inside = part.p_filesz <= size && part.p_offset <= size - part.p_filesz;
        if (part.p_type == PT_LOAD && !inside) return false;
    }
    return true;
}

// What makes the file unfit to be given to the dynamic linker, which waits for a named pipe and
// dies of a library that has been cut short; "": nothing, or what the linker will say itself.
std::string unfit(const std::string& path) {
    if (path.find('/') == std::string::npos) return "";  // the linker looks for it
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return "";
    struct stat info {};
    std::string problem;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        problem = path + ": not a regular file";
    } else if (!is_complete(fd, static_cast<guint64>(info.st_size))) {
        problem = path + ": cut short";
    }
    close(fd);
    return problem;
}

void* open_library(const std::string& path, std::string* reason) {
    *reason = unfit(path);
    if (!reason->empty()) return nullptr;
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    const char* said = library ? nullptr : dlerror();
    if (!library) *reason = said ? said : path;
    return library;
}

// What to do about an engine that could not be opened, and why it could not.
std::string advice(const std::string& reason) {
    const size_t named = reason.find(": cannot open shared object file");
    const bool of_engine = reason.compare(0, sizeof kLibraryName - 1, kLibraryName) == 0;
    if (named == std::string::npos || reason.find('/') < named || of_engine)
        return "Install libflashvsr.so and LibTorch, or set FLASHVSR_ENGINE to the path of "
               "libflashvsr.so.";
    return "The engine is there and " + reason.substr(0, named) +
           " is not, a library of LibTorch or one that comes with it. Run flashvsr-fetch-libtorch "
           "as root where the engine is of the package flashvsrupscale-engine-cuda, and ./setup "
           "where it was built from source.";
}

}  // namespace

const char kForkAdvice[] =
    "This process was forked from one that had loaded the FlashVSR engine, which does not work "
    "here. Start a program of its own (exec) for the pipeline, or fork before the first "
    "flashvsrupscale leaves the state NULL.";

bool without_engine() { return forked; }

const FlashvsrApi* load_engine(std::string* error) {
    if (without_engine()) {
        *error = kForkAdvice;
        return nullptr;
    }
    const std::string path = find_library();
    std::string reason;
    void* library = open_library(path, &reason);
    if (!library) {
        *error = "The FlashVSR engine could not be opened: " + reason + ". " + advice(reason);
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
    watch_forks();
    api->set_log(log_from_engine, nullptr);
    GST_CAT_INFO(flashvsr_upscale_debug, "engine opened from %s", path.c_str());
    return api;
}

}  // namespace flashvsr
