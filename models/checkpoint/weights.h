// SPDX-License-Identifier: Apache-2.0
// The tensors of one network, handed out by name and shape.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "models/checkpoint/tensor_map.h"

namespace flashvsr {

// Tensors from a checkpoint file, and the book-keeping that lets a loader name everything that is
// wrong with the file in one error. A loader selects its network, expects every tensor, calls
// finish, and only then takes them, which is what reads them:
//
//     Weights weights = Weights::open(path).select("lq_proj_in.");
//     weights.expect("conv1.weight", {-1, 768, 4, 3, 3});
//     weights.finish();
//     at::Tensor weight = weights.take("conv1.weight", {-1, 768, 4, 3, 3});
//
// A prefix `model.diffusion_model.`, `model.` or `module.` that all names carry is removed, and
// names that begin with `vace` are dropped (docs/model.md sections 1.1 and 1.2). A value type;
// tensors are shared between copies. Not for several threads at once.
class Weights {
  public:
    // Reads a safetensors or torch.save file, told apart by content, not by name. Throws Error
    // kNotFound, kReadFailed or kBadFormat.
    static Weights open(const std::string& path);

    // Tensors made elsewhere; `source` stands for the file's path in messages.
    static Weights from(const TensorMap& tensors, std::string source);

    // One network out of a file that may hold several. Prefixes are "dit.", "lq_proj_in." and
    // "tc_decoder.", and "positive_conditioning" for the prompt (its tensor is then named ""). If
    // any name begins with `prefix`: those, with it removed. Otherwise: the names that begin with
    // none of these prefixes. So the call is right for the released files (bare names), for
    // prefixed files, and for one file that holds everything.
    Weights select(const std::string& prefix) const;

    const std::string& source() const { return source_; }
    std::vector<std::string> names() const;  // sorted
    bool has(const std::string& name) const;
    std::optional<std::vector<int64_t>> shape(const std::string& name) const;

    // Notes whether the floating-point tensor `name` is there in this shape, with -1 for any size.
    // When it is missing, empty, of another shape or does not hold floats, that is kept for
    // finish() and the answer is null.
    const StoredTensor* expect(const std::string& name, at::IntArrayRef sizes);

    // The same, and reads it: contiguous, on the CPU, in the file's precision; the caller's own if
    // it comes from a file. When there is no such tensor, the answer has the wanted rank but no
    // elements; a size read from such an answer (0) counts as -1, so one fault is named once.
    // Throws Error kReadFailed when the file has been cut short or written to since it was opened.
    at::Tensor take(const std::string& name, at::IntArrayRef sizes);
    // The same, read to the device and in the type of `options`, rounded to nearest even. What a
    // network keeps is best taken like this: nothing is copied or allocated in between.
    at::Tensor take(const std::string& name, at::IntArrayRef sizes,
                    const at::TensorOptions& options);

    // Throws one Error kBadFormat that names each tensor that was missing or mis-shaped and each
    // that nobody took (of each group the first 20, then a count).
    void finish() const;

  private:
    Weights(StoredTensors tensors, std::string source);

    StoredTensors tensors_;
    std::string source_;
    std::set<std::string> taken_;
    std::set<std::string> missing_;
    std::map<std::string, std::string> mismatched_;  // name to "has [2, 3], needs [*, 4]"
};

}  // namespace flashvsr
