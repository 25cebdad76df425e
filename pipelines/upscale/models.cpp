// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/models.h"

#include <glib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <string>
#include <vector>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

// A file of a model, by its stem: released and repacked files differ in their endings.
struct ModelFile {
    const char* stem;
    const char* decoder;  // --vae-type; null: every decoder needs the file
};

constexpr ModelFile kFiles[] = {
    {"diffusion_pytorch_model_streaming_dmd", nullptr},
    {"LQ_proj_in", nullptr},
    {"posi_prompt", nullptr},
    {"TCDecoder", "tcd"},
    {"taew2_1", "taew2.1"},
    {"lighttaew2_1", "lighttaew2.1"},
    {"taew2_2", "tae-w2.2"},
    {"lighttaehy1_5", "tae-hv"},
    {"Wan2.1_VAE", "wan2.1"},
    {"lightvaew2_1", "light"},
    {"Wan2.2_VAE", "wan2.2"},
};

bool has_file(const std::string& folder, const std::string& stem) {
    for (const char* ending : {".safetensors", ".ckpt", ".pth", ".pt"}) {
        if (exists(joined(folder, stem + ending))) return true;
    }
    return false;
}

std::string list_item(const std::string& list, const char* item) {
    return list.empty() ? item : list + ", " + item;
}

void print_model(const std::string& folder) {
    std::string missing, decoders;
    for (const ModelFile& file : kFiles) {
        const bool there = has_file(folder, file.stem);
        if (there && file.decoder) decoders = list_item(decoders, file.decoder);
        if (!there && !file.decoder) missing = list_item(missing, file.stem);
    }
    std::printf("%s\n    %s; decoders: %s\n", folder.c_str(),
                missing.empty() ? "complete" : ("missing: " + missing).c_str(),
                decoders.empty() ? "none" : decoders.c_str());
}

std::vector<std::string> folders_in(const std::string& parent) {
    std::vector<std::string> folders;
    GDir* dir = g_dir_open(parent.c_str(), 0, nullptr);
    if (!dir) return folders;
    while (const gchar* name = g_dir_read_name(dir)) {
        const std::string path = joined(parent, name);
        if (is_folder(path)) folders.push_back(path);
    }
    g_dir_close(dir);
    std::sort(folders.begin(), folders.end());
    return folders;
}

std::string variable(const char* name) {
    const gchar* value = g_getenv(name);
    return value ? value : "";
}

// Beside this program, where a build folder has it, or wherever the shell would look.
std::string find_convert() {
    char own[PATH_MAX] = "";
    const ssize_t size = readlink("/proc/self/exe", own, sizeof own - 1);
    if (size > 0) {
        const std::string folder = folder_of(std::string(own, size));
        for (const std::string& place :
             {joined(folder, "flashvsr-convert"), joined(folder, "../../tools/flashvsr-convert")}) {
            if (access(place.c_str(), X_OK) == 0) return place;
        }
    }
    return "flashvsr-convert";
}

}  // namespace

void list_models() {
    std::vector<std::string> found;
    const auto add = [&](const std::string& folder) {
        if (is_folder(folder) && std::find(found.begin(), found.end(), folder) == found.end()) {
            found.push_back(folder);
        }
    };
    add(variable("FLASHVSR_MODEL_DIR"));
    const std::string user = joined(g_get_user_data_dir(), "flashvsr");
    for (const std::string& folder : folders_in(user)) add(folder);
    add(variable("FLASHVSR_NANO_DIR"));
    add(FLASHVSR_DATA_DIR "/nano");
    for (const std::string& folder : found) print_model(folder);
    if (found.empty()) {
        std::printf("none in %s and $FLASHVSR_MODEL_DIR; flashvsr-fetch gets the released ones\n",
                    user.c_str());
    }
}

void convert_model(const Options& options) {
    if (options.output.empty()) {
        throw Failure(ExitCode::kUsage, "--convert needs a folder for the result: -o FOLDER");
    }
    const auto type = options.settings.find("dtype");
    std::string program = find_convert();
    std::vector<std::string> words = {program, options.convert, options.output};
    if (type != options.settings.end()) words.insert(words.end(), {"--dtype", type->second});
    if (options.overwrite) words.emplace_back("--overwrite");
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execvp(program.c_str(), arguments.data());
    throw Failure(ExitCode::kMissing, program + ": " + g_strerror(errno));
}

}  // namespace upscale
