// SPDX-License-Identifier: Apache-2.0
// Named tensors, in memory and in files.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/checkpoint/file.h"

namespace flashvsr {

using TensorMap = std::map<std::string, at::Tensor>;

// A tensor that is read when it is asked for: the description of a part of a file, which it keeps
// open; or one that is in memory already. A value type.
class StoredTensor {
  public:
    StoredTensor(at::Tensor tensor);  // NOLINT(google-explicit-constructor): either will do
    // The strided view of the elements that begin at `offset` bytes. The caller has checked that it
    // lies inside the file.
    StoredTensor(std::shared_ptr<const File> file, uint64_t offset, at::ScalarType dtype,
                 std::vector<int64_t> sizes, std::vector<int64_t> strides);

    at::IntArrayRef sizes() const { return sizes_; }
    at::ScalarType dtype() const { return dtype_; }

    // To the device and in the type of `options`, with the file's strides; the caller's own, or the
    // tensor itself where it was in memory like that. Throws Error kReadFailed when the file has
    // been cut short or written to since it was opened.
    at::Tensor read(const at::TensorOptions& options) const;
    // To the CPU, in the file's type.
    at::Tensor read() const;

  private:
    at::Tensor tensor_;
    std::shared_ptr<const File> file_;
    uint64_t offset_ = 0;
    at::ScalarType dtype_;
    std::vector<int64_t> sizes_, strides_;
};

// The tensors of a file, by the names that it gives them. Costs what the names and shapes take.
using StoredTensors = std::map<std::string, StoredTensor>;

TensorMap read_all(const StoredTensors& tensors);

// More tensors than this are refused: the largest released checkpoint has some 1,500.
constexpr size_t kMaxTensors = 20'000;
constexpr char kTooManyTensors[] =
    "names more than 20000 tensors; leave out of the file what does not belong to the model";

// `a * b` into `product`, for factors that a file names. False when negative or over int64.
bool checked_multiply(int64_t a, int64_t b, int64_t* product);

// The number of elements into `numel`; false when a size is negative, or the product of the sizes
// other than 0 is over int64, which is what strides are made of.
bool checked_numel(at::IntArrayRef sizes, int64_t* numel);

// A name from a file, made fit for a one-line message: quoted, cut at 80 bytes, and with everything
// but printable ASCII replaced.
std::string printable(std::string_view name);

}  // namespace flashvsr
