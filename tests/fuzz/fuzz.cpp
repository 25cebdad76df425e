// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace fuzz {

namespace {

namespace fs = std::filesystem;

/// Removed with its content when the process ends.
struct Folder {
    Folder() {
        std::string form = (fs::temp_directory_path() / "flashvsr-fuzz.XXXXXX").string();
        if (!mkdtemp(form.data())) std::abort();
        path = form;
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    fs::path path;
};

int descriptor() {
    static const int made = memfd_create("input", MFD_CLOEXEC);
    return made;
}

std::string path_of_file() { return "/proc/self/fd/" + std::to_string(descriptor()); }

}  // namespace

std::string as_file(const uint8_t* data, size_t size) {
    const auto length = static_cast<ssize_t>(size);
    if (ftruncate(descriptor(), 0) != 0 || pwrite(descriptor(), data, size, 0) != length) {
        std::abort();
    }
    return path_of_file();
}

std::string as_file(const std::string& content) {
    return as_file(reinterpret_cast<const uint8_t*>(content.data()), content.size());
}

std::string folder_with(const std::string& name) {
    static const Folder folder;
    const fs::path link = folder.path / name;
    if (!fs::is_symlink(link)) fs::create_symlink(path_of_file(), link);
    return folder.path.string();
}

std::vector<std::string> lines(const uint8_t* data, size_t size) {
    std::vector<std::string> lines(1);
    for (size_t i = 0; i < size; ++i) {
        if (data[i] == '\n') {
            lines.emplace_back();
        } else {
            lines.back() += static_cast<char>(data[i]);
        }
    }
    return lines;
}

Words::Words(std::vector<std::string> words) : words_(std::move(words)) {
    words_.insert(words_.begin(), "program");
    for (std::string& word : words_) {
        word.resize(std::min(word.find('\0'), word.size()));
        pointers_.push_back(word.data());
    }
    pointers_.push_back(nullptr);
}

bool Words::ask_for_help() const {
    return std::any_of(words_.begin() + 1, words_.end(), [](const std::string& word) {
        const bool short_options = word.rfind('-', 0) == 0 && word.rfind("--", 0) != 0;
        return word.rfind("--help", 0) == 0 ||
               (short_options && word.find('h') != std::string::npos);
    });
}

}  // namespace fuzz
