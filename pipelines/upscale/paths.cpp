#include "pipelines/upscale/paths.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <regex>
#include <utility>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

std::string taken(gchar* text) {
    std::string copy(text ? text : "");
    g_free(text);
    return copy;
}

const std::regex& pattern_number() {
    static const std::regex number("%0?([0-9]*)d");
    return number;
}

}  // namespace

std::string base_name(const std::string& path) { return taken(g_path_get_basename(path.c_str())); }

std::string folder_of(const std::string& path) { return taken(g_path_get_dirname(path.c_str())); }

std::string joined(const std::string& folder, const std::string& name) {
    return taken(g_build_filename(folder.c_str(), name.c_str(), nullptr));
}

std::string ending_of(const std::string& path) {
    const std::string name = base_name(path);
    const size_t dot = name.rfind('.');
    if (dot == std::string::npos || dot == 0) return {};
    return taken(g_ascii_strdown(name.c_str() + dot + 1, -1));
}

std::string stem_of(const std::string& path) {
    const std::string name = base_name(path);
    const size_t dot = name.rfind('.');
    return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

bool is_folder(const std::string& path) { return g_file_test(path.c_str(), G_FILE_TEST_IS_DIR); }

bool exists(const std::string& path) { return g_file_test(path.c_str(), G_FILE_TEST_EXISTS); }

bool same_file(const std::string& a, const std::string& b) {
    struct stat first {
    }, second{};
    return stat(a.c_str(), &first) == 0 && stat(b.c_str(), &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

std::vector<std::string> files_in(const std::string& folder) {
    GDir* dir = g_dir_open(folder.c_str(), 0, nullptr);
    if (!dir) throw Failure(ExitCode::kInput, folder + ": " + g_strerror(errno));
    std::vector<std::pair<std::string, std::string>> keyed;
    while (const gchar* name = g_dir_read_name(dir)) {
        const std::string path = joined(folder, name);
        if (*name != '.' && g_file_test(path.c_str(), G_FILE_TEST_IS_REGULAR)) {
            keyed.emplace_back(taken(g_utf8_collate_key_for_filename(name, -1)), path);
        }
    }
    g_dir_close(dir);
    std::sort(keyed.begin(), keyed.end());
    std::vector<std::string> files;
    files.reserve(keyed.size());
    for (auto& [key, path] : keyed) files.push_back(std::move(path));
    return files;
}

void remove_folder(const std::string& folder) {
    GDir* dir = g_dir_open(folder.c_str(), 0, nullptr);
    if (!dir) return;
    while (const gchar* name = g_dir_read_name(dir)) g_unlink(joined(folder, name).c_str());
    g_dir_close(dir);
    g_rmdir(folder.c_str());
}

bool is_pattern(const std::string& path) {
    const std::string name = base_name(path);
    return std::count(name.begin(), name.end(), '%') == 1 &&
           std::regex_search(name, pattern_number());
}

std::string fill_pattern(const std::string& pattern, int number) {
    std::smatch match;
    const std::string name = base_name(pattern);
    if (!std::regex_search(name, match, pattern_number())) return pattern;
    std::string digits = std::to_string(number);
    const size_t width = match[1].length() ? std::stoul(match[1]) : 0;
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    const std::string filled = match.prefix().str() + digits + match.suffix().str();
    return pattern.find('/') == std::string::npos ? filled : joined(folder_of(pattern), filled);
}

}  // namespace upscale
