// Which key windows each query window attends to (spec/flashvsr.md section 7.2).
#pragma once

#include <ATen/ATen.h>

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
    at::Tensor q_mean;   // [query slices * windows, dim], run dtype
    at::Tensor k_mean;   // [key slices * windows, dim], run dtype
    at::Tensor allowed;  // [windows, windows] bool, see local_windows
    int64_t budget = 0;  // see draft_mask_budget
};

struct DraftMask {
    // [heads, query slices * windows, key slices * windows] bool. Per head and query slice: the
    // blocks whose weight lies strictly above the threshold; a row may stay empty.
    at::Tensor blocks;
    at::Tensor weight;     // [heads, query slices * windows, key slices * windows], fp32 softmax
    at::Tensor threshold;  // [heads, query slices, 1]: the (budget + 1)-th largest weight
};
DraftMask draft_mask(const DraftMaskInput& input);

}  // namespace flashvsr
