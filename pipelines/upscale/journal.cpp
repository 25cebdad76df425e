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

constexpr char kJob[] = "job", kPart[] = "part", kLoss[] = "loss";
constexpr char kEnd[] = "end";  // the last group: without it the file was cut

struct FreeKeyFile {
    void operator()(GKeyFile* file) const { g_key_file_unref(file); }
};
using KeyFile = std::unique_ptr<GKeyFile, FreeKeyFile>;

std::string numbered(const char* group, size_t index) {
    return std::string(group) + " " + std::to_string(index);
}

std::string text_of(const KeyFile& file, const std::string& group, const char* key) {
    gchar* value = g_key_file_get_string(file.get(), group.c_str(), key, nullptr);
    std::string copy(value ? value : "");
    g_free(value);
    return copy;
}

guint64 number_of(const KeyFile& file, const std::string& group, const char* key) {
    return g_key_file_get_uint64(file.get(), group.c_str(), key, nullptr);
}

void set_text(const KeyFile& file, const std::string& group, const char* key,
              const std::string& text) {
    g_key_file_set_string(file.get(), group.c_str(), key, text.c_str());
}

void set_number(const KeyFile& file, const std::string& group, const char* key, guint64 number) {
    g_key_file_set_uint64(file.get(), group.c_str(), key, number);
}

// Null: there is none, or it is damaged.
KeyFile load(const std::string& path) {
    KeyFile file(g_key_file_new());
    if (!g_key_file_load_from_file(file.get(), path.c_str(), G_KEY_FILE_NONE, nullptr)) {
        return nullptr;
    }
    if (!g_key_file_has_group(file.get(), kEnd)) return nullptr;
    return file;
}

void save(const KeyFile& file, const std::string& path) {
    g_key_file_set_boolean(file.get(), kEnd, "whole", TRUE);
    gsize size = 0;
    gchar* content = g_key_file_to_data(file.get(), &size, nullptr);
    const std::string copy(content, size);
    g_free(content);
    write_durably(path, copy);
}

PartSpan read_span(const KeyFile& file, const std::string& group) {
    PartSpan part;
    part.window = {number_of(file, group, "start"), number_of(file, group, "end")};
    part.lead_in = number_of(file, group, "lead-in");
    part.run_out = number_of(file, group, "run-out");
    part.frames = number_of(file, group, "frames");
    part.at_cut = number_of(file, group, "at-cut") != 0;
    return part;
}

void write_span(const KeyFile& file, const std::string& group, const PartSpan& part) {
    set_number(file, group, "start", part.window.start);
    set_number(file, group, "end", part.window.end);
    set_number(file, group, "lead-in", part.lead_in);
    set_number(file, group, "run-out", part.run_out);
    set_number(file, group, "frames", part.frames);
    set_number(file, group, "at-cut", part.at_cut);
}

}  // namespace

bool PartRecord::read(const std::string& path) {
    const KeyFile in = load(path);
    if (!in) return false;
    settings = text_of(in, kPart, "settings");
    file = text_of(in, kPart, "file");
    frames = number_of(in, kPart, "frames");
    bytes = number_of(in, kPart, "bytes");
    sum = text_of(in, kPart, "sum");
    for (size_t i = 0; g_key_file_has_group(in.get(), numbered(kLoss, i).c_str()); ++i) {
        const std::string group = numbered(kLoss, i);
        losses.push_back({text_of(in, group, "kind"), text_of(in, group, "text")});
    }
    return !settings.empty() && file.find('/') == std::string::npos;
}

void PartRecord::write(const std::string& path) const {
    const KeyFile out(g_key_file_new());
    set_text(out, kPart, "settings", settings);
    set_text(out, kPart, "file", file);
    set_number(out, kPart, "frames", frames);
    set_number(out, kPart, "bytes", bytes);
    set_text(out, kPart, "sum", sum);
    for (size_t i = 0; i < losses.size(); ++i) {
        set_text(out, numbered(kLoss, i), "kind", losses[i].kind);
        set_text(out, numbered(kLoss, i), "text", printable(losses[i].text));
    }
    save(out, path);
}

bool Journal::read(const std::string& path) {
    const KeyFile file = load(path);
    if (!file) return false;
    settings = text_of(file, kJob, "settings");
    result = text_of(file, kJob, "result");
    for (size_t i = 0; g_key_file_has_group(file.get(), numbered(kPart, i).c_str()); ++i) {
        parts.push_back(read_span(file, numbered(kPart, i)));
    }
    return !settings.empty() && !parts.empty();
}

void Journal::write(const std::string& path) const {
    const KeyFile file(g_key_file_new());
    set_text(file, kJob, "settings", settings);
    set_text(file, kJob, "result", result);
    for (size_t i = 0; i < parts.size(); ++i) write_span(file, numbered(kPart, i), parts[i]);
    save(file, path);
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
