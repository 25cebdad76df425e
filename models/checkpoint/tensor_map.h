// Named tensors, and what the readers of checkpoint files share.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "models/checkpoint/mapped_file.h"

namespace flashvsr {

// Tensors by name. Those that a reader returns live on the CPU and alias the file's read-only
// mapping, which stays alive as long as any of them: never write to them in place.
using TensorMap = std::map<std::string, at::Tensor>;

// The `count` elements of `file` that begin at `offset` bytes, as a tensor [count]. The caller has
// checked that they lie inside the file. Aliases the mapping; copies only where the address is not
// a multiple of the element size.
at::Tensor map_elements(const std::shared_ptr<const MappedFile>& file, size_t offset, int64_t count,
                        at::ScalarType dtype);

// `a * b` into `product`, for factors that a file names. False when negative or over int64.
bool checked_multiply(int64_t a, int64_t b, int64_t* product);

// A name from a file, made fit for a one-line message: quoted, cut at 80 bytes, and with everything
// but printable ASCII replaced.
std::string printable(std::string_view name);

}  // namespace flashvsr
