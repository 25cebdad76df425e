// SPDX-License-Identifier: Apache-2.0
// The part of Python's pickle format that a saved dict of tensors needs, and nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace flashvsr {

// A tensor as torch.save writes it: a strided view of a storage that lies elsewhere. Nothing here
// has been checked against that storage.
struct PickledTensor {
    std::string_view storage_type;  // "FloatStorage", without the module
    std::string_view storage_key;   // file name of the storage inside the archive
    int64_t storage_numel = 0;
    int64_t offset = 0;            // in elements
    std::vector<int64_t> sizes;    // at most 16, each >= 0
    std::vector<int64_t> strides;  // as many, in elements, each >= 0
};

// Reads a pickled dict of tensors, or a dict whose single entry `model_state`, `state_dict` or
// `params` is one, or a single tensor (returned under the name ""). Understands dicts, ordered
// dicts, lists, tuples, strings, numbers, bools, None and tensors over typed storages; calls
// nothing, and memory stays within a fixed multiple of `pickle`'s size, itself limited to 16 MB.
// `source` names the file in messages. The result's string_views point into `pickle`.
// Throws Error kReadFailed when the data end early, kBadFormat naming the opcode or global that is
// refused and its offset.
std::map<std::string, PickledTensor> read_pickled_tensors(std::string_view pickle,
                                                          const std::string& source);

}  // namespace flashvsr
