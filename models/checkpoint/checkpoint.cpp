// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/checkpoint.h"

#include <memory>

#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/torch_zip.h"
#include "models/error.h"

namespace flashvsr {

StoredTensors open_checkpoint(const std::string& path) {
    constexpr uint64_t kMin = 9;
    const auto file = std::make_shared<const File>(path);
    if (file->size() < kMin) {
        throw Error(Error::Kind::kReadFailed,
                    path + ": cut short: " + std::to_string(file->size()) + " bytes");
    }
    const std::string begin = file->text(0, kMin);
    if (begin.compare(0, 4, "PK\x03\x04") == 0) return open_torch_zip(file);
    if (begin[8] == '{') return open_safetensors(file);
    if (begin[0] == '\x80' && begin[1] >= 2 && begin[1] <= 5) {
        throw Error(Error::Kind::kBadFormat,
                    path +
                        ": written in PyTorch's format from before 1.6; load it in PyTorch and "
                        "save it again with torch.save, or as safetensors");
    }
    throw Error(Error::Kind::kBadFormat,
                path + ": neither safetensors nor a file that torch.save wrote");
}

}  // namespace flashvsr
