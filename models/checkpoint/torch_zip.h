// SPDX-License-Identifier: Apache-2.0
// Files that torch.save writes since PyTorch 1.6: a zip archive of a pickle and raw storages.
#pragma once

#include <memory>
#include <string>

#include "models/checkpoint/tensor_map.h"

namespace flashvsr {

// Describes the dict of tensors (or the one tensor, under the name "") that the archive holds; see
// read_pickled_tensors for what is understood. Tensors keep their strides.
// Throws Error kNotFound, kReadFailed (cut short) or kBadFormat, naming the file and the part.
StoredTensors open_torch_zip(const std::shared_ptr<const File>& file);

}  // namespace flashvsr
