#include "models/checkpoint/checkpoint.h"

#include <memory>
#include <string_view>

#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/torch_zip.h"
#include "models/error.h"

namespace flashvsr {

TensorMap read_checkpoint(const std::string& path) {
    const auto file = std::make_shared<const MappedFile>(path);
    const std::string_view bytes = file->bytes();
    if (bytes.size() < 9) {
        throw Error(Error::Kind::kReadFailed,
                    path + ": cut short: " + std::to_string(bytes.size()) + " bytes");
    }
    if (bytes.substr(0, 4) == "PK\x03\x04") return read_torch_zip(file);
    if (bytes[8] == '{') return read_safetensors(file);
    if (bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5) {
        throw Error(Error::Kind::kBadFormat,
                    path +
                        ": written in PyTorch's format from before 1.6; load it in PyTorch and "
                        "save it again with torch.save, or as safetensors");
    }
    throw Error(Error::Kind::kBadFormat,
                path + ": neither safetensors nor a file that torch.save wrote");
}

}  // namespace flashvsr
