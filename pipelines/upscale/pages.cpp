// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/pages.h"

#include <cstdint>
#include <fstream>

namespace upscale {

namespace {

// Numbers of a TIFF file, in its order of bytes. What lies behind its end is 0.
class Numbers {
  public:
    explicit Numbers(const std::string& path) : file_(path, std::ios::binary) {
        char mark[2] = {};
        file_.read(mark, 2);
        little_ = mark[0] == 'I' && mark[1] == 'I';
        good_ = little_ || (mark[0] == 'M' && mark[1] == 'M');
    }

    bool good() const { return good_; }

    uint32_t at(uint64_t place, int bytes) {
        uint8_t data[4] = {};
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(place));
        file_.read(reinterpret_cast<char*>(data), bytes);
        if (!file_) return 0;
        uint32_t value = 0;
        for (int i = 0; i < bytes; ++i) value = value << 8 | data[little_ ? bytes - 1 - i : i];
        return value;
    }

  private:
    std::ifstream file_;
    bool little_ = false, good_ = false;
};

constexpr int kEntry = 12;  // bytes of a directory's entry

// The first bit of NewSubfileType.
bool is_smaller_copy(Numbers* file, uint64_t directory, uint32_t entries) {
    constexpr uint32_t kNewSubfileType = 254;
    for (uint32_t i = 0; i < entries; ++i) {
        const uint64_t entry = directory + 2 + uint64_t{i} * kEntry;
        if (file->at(entry, 2) == kNewSubfileType) return file->at(entry + 8, 4) & 1;
    }
    return false;
}

}  // namespace

bool has_more_pages(const std::string& path) {
    constexpr uint32_t kClassic = 42;
    constexpr int kMax = 100;  // directories that are looked at, which may lead in a circle
    Numbers file(path);
    if (!file.good() || file.at(2, 2) != kClassic) return false;
    uint64_t directory = file.at(4, 4);
    for (int i = 0; i < kMax && directory != 0; ++i) {
        const uint32_t entries = file.at(directory, 2);
        if (i > 0 && entries > 0 && !is_smaller_copy(&file, directory, entries)) return true;
        directory = file.at(directory + 2 + uint64_t{entries} * kEntry, 4);
    }
    return false;
}

}  // namespace upscale
