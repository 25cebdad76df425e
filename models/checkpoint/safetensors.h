// SPDX-License-Identifier: Apache-2.0
// Files in the safetensors format (https://github.com/huggingface/safetensors).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "models/checkpoint/tensor_map.h"

namespace flashvsr {

// Free text that a safetensors file carries beside its tensors.
using Metadata = std::map<std::string, std::string>;

// Describes F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL tensors. `metadata`, if given,
// receives the file's metadata.
// Throws Error kNotFound, kReadFailed (cut short) or kBadFormat, naming the file and the tensor.
StoredTensors open_safetensors(const std::shared_ptr<const File>& file,
                               Metadata* metadata = nullptr);

// Reads them all; the tensors are the caller's own.
TensorMap read_safetensors(const std::string& path, Metadata* metadata = nullptr);

// Writes `tensors` (any device, any strides) under `path`. A reader sees the old file or the whole
// new one, never a part. Throws Error kInvalidArgument for a tensor or name that the format cannot
// hold, kReadFailed when the system refuses to write.
void write_safetensors(const std::string& path, const TensorMap& tensors,
                       const Metadata& metadata = {});

}  // namespace flashvsr
