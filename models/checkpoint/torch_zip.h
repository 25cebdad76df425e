// Files that torch.save writes since PyTorch 1.6: a zip archive of a pickle and raw storages.
#pragma once

#include <memory>
#include <string>

#include "models/checkpoint/tensor_map.h"

namespace flashvsr {

// Reads the dict of tensors (or the one tensor, under the name "") that the archive holds; see
// read_pickled_tensors for what is understood and TensorMap for who owns the memory. Tensors keep
// their strides and share storages as they did when saved.
// Throws Error kNotFound, kReadFailed (cut short) or kBadFormat, naming the file and the part.
TensorMap read_torch_zip(const std::string& path);
TensorMap read_torch_zip(const std::shared_ptr<const MappedFile>& file);

}  // namespace flashvsr
