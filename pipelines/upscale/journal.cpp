// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/journal.h"

#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "pipelines/upscale/durable.h"
#include "pipelines/upscale/paths.h"
#include "pipelines/upscale/text.h"
#include "pipelines/upscale/unfinished.h"

namespace upscale {

namespace {

constexpr char kJob[] = "job";

struct FreeKeyFile {
    void operator()(GKeyFile* file) const { g_key_file_unref(file); }
};
using KeyFile = std::unique_ptr<GKeyFile, FreeKeyFile>;

std::string group_of(size_t index) { return "part " + std::to_string(index); }

std::string text_of(GKeyFile* file, const std::string& group, const char* key) {
    gchar* value = g_key_file_get_string(file, group.c_str(), key, nullptr);
    std::string copy(value ? value : "");
    g_free(value);
    return copy;
}

guint64 number_of(GKeyFile* file, const std::string& group, const char* key) {
    return g_key_file_get_uint64(file, group.c_str(), key, nullptr);
}

}  // namespace

bool Journal::read(const std::string& path) {
    const KeyFile file(g_key_file_new());
    if (!g_key_file_load_from_file(file.get(), path.c_str(), G_KEY_FILE_NONE, nullptr)) {
        return false;
    }
    settings = text_of(file.get(), kJob, "settings");
    result = text_of(file.get(), kJob, "result");
    for (size_t i = 0; g_key_file_has_group(file.get(), ("loss " + std::to_string(i)).c_str());
         ++i) {
        const std::string group = "loss " + std::to_string(i);
        losses.push_back({text_of(file.get(), group, "kind"), text_of(file.get(), group, "text")});
    }
    for (size_t i = 0; g_key_file_has_group(file.get(), group_of(i).c_str()); ++i) {
        const std::string group = group_of(i);
        PartRecord part;
        part.frames = number_of(file.get(), group, "frames");
        part.bytes = number_of(file.get(), group, "bytes");
        part.last = number_of(file.get(), group, "last") != 0;
        part.there = number_of(file.get(), group, "there") != 0;
        part.sum = text_of(file.get(), group, "sum");
        parts.push_back(part);
    }
    return !settings.empty();
}

void Journal::write(const std::string& path) const {
    const KeyFile file(g_key_file_new());
    g_key_file_set_string(file.get(), kJob, "settings", settings.c_str());
    g_key_file_set_string(file.get(), kJob, "result", result.c_str());
    for (size_t i = 0; i < losses.size(); ++i) {
        const std::string group = "loss " + std::to_string(i);
        g_key_file_set_string(file.get(), group.c_str(), "kind", losses[i].kind.c_str());
        g_key_file_set_string(file.get(), group.c_str(), "text", printable(losses[i].text).c_str());
    }
    for (size_t i = 0; i < parts.size(); ++i) {
        const std::string group = group_of(i);
        g_key_file_set_uint64(file.get(), group.c_str(), "there", parts[i].there);
        g_key_file_set_uint64(file.get(), group.c_str(), "frames", parts[i].frames);
        g_key_file_set_uint64(file.get(), group.c_str(), "last", parts[i].last);
        g_key_file_set_uint64(file.get(), group.c_str(), "bytes", parts[i].bytes);
        g_key_file_set_string(file.get(), group.c_str(), "sum", parts[i].sum.c_str());
    }
    gsize size = 0;
    gchar* content = g_key_file_to_data(file.get(), &size, nullptr);
    const std::string copy(content, size);
    g_free(content);
    write_durably(path, copy);
}

std::string parts_folder(const Place& place) { return hidden_beside(place.path, ".parts"); }

std::string journal_in(const std::string& parts_folder) { return joined(parts_folder, "journal"); }

std::string identity_of(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return {};
    return std::to_string(status.st_ino) + " " + std::to_string(status.st_size);
}

bool is_joined_result(const Place& place) {
    Journal journal;
    return journal.read(journal_in(parts_folder(place))) && !journal.result.empty() &&
           journal.result == identity_of(place.path);
}

}  // namespace upscale
