// SPDX-License-Identifier: Apache-2.0
// Which key windows each query window attends to (docs/model.md section 7.2).
#pragma once

#include <ATen/ATen.h>

#include "models/attention.h"
#include "models/window.h"

namespace flashvsr {

// Budget of kept blocks per head and query slice: int(windows^2 * topk_ratio) - 1, with
// topk_ratio = sparse_ratio * 768 * 1280 / (height * width) in double precision; never below 0.
int64_t draft_mask_budget(const WindowGrid& grid, double sparse_ratio);

// Key windows within the local range of each query window: [windows, windows] bool on the CPU. The
// area is `range` windows wide and high, not clamped at the borders, and lies one further up and
// left than down and right when `range` is even.
at::Tensor local_windows(const WindowGrid& grid, int64_t range);

struct DraftMaskInput {
    at::Tensor q_mean;      // [query slices * windows, dim], run dtype
    at::Tensor k_mean;      // [key slices * windows, dim], run dtype
    at::Tensor local_mask;  // [windows, windows] bool, see local_windows
    int64_t budget = 0;     // see draft_mask_budget
    // At least the number of windows that any query may attend to in a slice, such as the square of
    // the local range; 0: not known. Only saves memory.
    int64_t most_allowed = 0;
};

struct DraftMask {
    // [heads, query slices * windows, key slices * windows] bool. Per head and query slice: the
    // blocks whose weight lies strictly above the threshold; a row may stay empty.
    at::Tensor blocks;
    at::Tensor weight;     // [heads, query slices * windows, key slices * windows], fp32 softmax
    at::Tensor threshold;  // [heads, query slices, 1]: the (budget + 1)-th largest weight
};
DraftMask draft_mask(const DraftMaskInput& input);

// The same selection by one fused kernel (kernels/draft_mask.h), as the lists that attention reads;
// 16-bit on CUDA, any type on the CPU. From equal weights it selects the same blocks; the weights
// may differ in a last bit, since sums are taken in another order. `mask`, if given, is filled as
// well. No backward pass.
BlockLists draft_lists(const DraftMaskInput& input, DraftMask* mask = nullptr);

}  // namespace flashvsr
