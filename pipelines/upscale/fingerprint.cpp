// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/fingerprint.h"

#include <glib.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <vector>

namespace upscale {

namespace {

constexpr std::streamoff kBlock = 1 << 20;

struct FreeChecksum {
    void operator()(GChecksum* sum) const { g_checksum_free(sum); }
};

class Sum {
  public:
    // Takes in at most `size` bytes from where the file stands.
    void add(std::ifstream* file, std::streamoff size) {
        std::vector<char> block(kBlock);
        while (size > 0 && file->good()) {
            file->read(block.data(), std::min(size, kBlock));
            g_checksum_update(sum_.get(), reinterpret_cast<const guchar*>(block.data()),
                              static_cast<gssize>(file->gcount()));
            size -= file->gcount();
        }
    }
    std::string text() { return g_checksum_get_string(sum_.get()); }

  private:
    std::unique_ptr<GChecksum, FreeChecksum> sum_{g_checksum_new(G_CHECKSUM_SHA256)};
};

std::streamoff size_of(std::ifstream* file) {
    file->seekg(0, std::ios::end);
    const std::streamoff size = file->tellg();
    file->seekg(0);
    return size;
}

}  // namespace

std::string sum_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return {};
    Sum sum;
    sum.add(&file, size_of(&file));
    return file ? sum.text() : std::string();
}

std::string fingerprint_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return {};
    const std::streamoff size = size_of(&file);
    Sum sum;
    sum.add(&file, std::min(size, kBlock));
    file.seekg(std::max<std::streamoff>(0, size - kBlock));
    sum.add(&file, std::min(size, kBlock));
    return file ? std::to_string(size) + " " + sum.text() : std::string();
}

}  // namespace upscale
