// SPDX-License-Identifier: Apache-2.0
// Checkpoint files of any kind that is understood.
#pragma once

#include <string>

#include "models/checkpoint/tensor_map.h"

namespace flashvsr {

// Opens a safetensors or torch.save file, told apart by content, not by name; every tensor under
// the name that the file gives it. Throws Error kNotFound, kReadFailed or kBadFormat.
StoredTensors open_checkpoint(const std::string& path);

}  // namespace flashvsr
