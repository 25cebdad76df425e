// SPDX-License-Identifier: Apache-2.0
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

NumberedName::NumberedName(std::string before, size_t width, std::string after)
    : before_(std::move(before)), after_(std::move(after)), width_(width) {}

NumberedName::NumberedName(const std::string& pattern) : before_(pattern), width_(0) {
    constexpr size_t kWidest = 9999;  // more than any file system's names
    const size_t begin = pattern.size() - base_name(pattern).size();
    std::smatch match;
    const std::string name = pattern.substr(begin);
    if (!std::regex_search(name, match, pattern_number())) return;
    before_ = pattern.substr(0, begin) + match.prefix().str();
    after_ = match.suffix();
    const std::string digits = match[1];
    width_ = digits.size() > 4 ? kWidest : digits.empty() ? 0 : std::stoul(digits);
}

std::string NumberedName::at(size_t number) const {
    std::string digits = std::to_string(number);
    if (digits.size() < width_) digits.insert(0, width_ - digits.size(), '0');
    return before_ + digits + after_;
}

bool NumberedName::gives(const std::string& path) const {
    constexpr size_t kMaxDigits = 9;
    if (path.size() <= before_.size() + after_.size() ||
        path.compare(0, before_.size(), before_) != 0 ||
        path.compare(path.size() - after_.size(), after_.size(), after_) != 0) {
        return false;
    }
    const std::string digits =
        path.substr(before_.size(), path.size() - before_.size() - after_.size());
    if (digits.find_first_not_of("0123456789") != std::string::npos) return false;
    const size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
    if (zeros == digits.size() || digits.size() - zeros > kMaxDigits) return false;
    return at(std::stoul(digits.substr(zeros))) == path;
}

std::vector<std::string> NumberedName::existing() const {
    const size_t begin = before_.rfind('/') == std::string::npos ? 0 : before_.rfind('/') + 1;
    std::vector<std::string> found;
    GDir* dir = g_dir_open(begin ? before_.substr(0, begin).c_str() : ".", 0, nullptr);
    if (!dir) return found;
    while (const gchar* name = g_dir_read_name(dir)) {
        std::string path = before_.substr(0, begin) + name;
        if (gives(path)) found.push_back(std::move(path));
    }
    g_dir_close(dir);
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace upscale
