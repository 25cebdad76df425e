// SPDX-License-Identifier: Apache-2.0
// Checkpoints repacked as safetensors in a smaller type.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>

namespace flashvsr::convert {

struct Options {
    std::string from;  // a model's folder, or one file
    std::string into;  // a folder, made where there is none
    at::ScalarType type = at::kBFloat16;
    bool overwrite = false;
};

struct Repacked {
    std::string from, into;
    int64_t tensors = 0;
    int64_t bytes_before = 0, bytes_after = 0;
};

// Repacks every checkpoint of the folder, one after the other, under its stem with ".safetensors";
// floating-point tensors that are wider than `type` are rounded to it, the rest stays. Each file is
// read back and compared, tensor for tensor. A folder's model.json comes along; where there is
// none, one is written with the version that the folder's name tells. done: called after each file.
// Throws Error: kNotFound, kReadFailed, kBadFormat (also for a value that `type` does not hold),
// kInvalidArgument for a target that is the source or exists.
void convert(const Options& options, const std::function<void(const Repacked&)>& done);

}  // namespace flashvsr::convert
