// SPDX-License-Identifier: Apache-2.0
#include "models/draft_mask.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/draft_mask.h"
#include "models/attention.h"
#include "models/kernel_args.h"

namespace flashvsr {

int64_t draft_mask_budget(const WindowGrid& grid, double sparse_ratio) {
    const double area = static_cast<double>(grid.height() * grid.width());
    const double topk_ratio = sparse_ratio * 768 * 1280 / area;
    const double windows = static_cast<double>(grid.windows());
    return std::max<int64_t>(static_cast<int64_t>(windows * windows * topk_ratio) - 1, 0);
}

at::Tensor local_windows(const WindowGrid& grid, int64_t range) {
    const int64_t half = range / 2;
    // [n, n]: is b in a - half .. a - half + range - 1?
    auto near = [&](int64_t n) {
        const at::Tensor position = at::arange(n);
        const at::Tensor offset = position.unsqueeze(0) - position.unsqueeze(1) + half;
        return (offset >= 0).logical_and(offset < range);
    };
    const at::Tensor rows = near(grid.rows).view({grid.rows, 1, grid.rows, 1});
    const at::Tensor columns = near(grid.columns).view({1, grid.columns, 1, grid.columns});
    return rows.logical_and(columns).view({grid.windows(), grid.windows()});
}

DraftMask draft_mask(const DraftMaskInput& input) {
    const int64_t windows = input.local_mask.size(0);
    const int64_t queries = input.q_mean.size(0);
    const int64_t keys = input.k_mean.size(0);
    const int64_t query_slices = queries / windows;
    const int64_t key_slices = keys / windows;

    // Scores are rounded to the run dtype twice, as the product and after the division.
    auto by_head = [](const at::Tensor& mean) {
        return mean.view({mean.size(0), -1, kHeadDim}).transpose(0, 1);  // [heads, n, 128]
    };
    const at::Tensor scores =
        at::matmul(by_head(input.q_mean), by_head(input.k_mean).transpose(1, 2)) /
        std::sqrt(static_cast<double>(kHeadDim));
    const at::Tensor outside = input.local_mask.logical_not().repeat({query_slices, key_slices});
    const at::Tensor weight = at::softmax(
        scores.to(at::kFloat).masked_fill(outside, -std::numeric_limits<float>::infinity()), 2);

    const int64_t n = windows * keys;
    const int64_t kept = std::min(n - 1, input.budget);
    const at::Tensor slices = weight.view({-1, query_slices, n});
    // The (kept + 1)-th largest of n is the (n - kept)-th smallest.
    const at::Tensor threshold = std::get<0>(at::kthvalue(slices, n - kept, 2, true));
    return {(slices > threshold).view({-1, queries, keys}), weight, threshold};
}

BlockLists draft_lists(const DraftMaskInput& input, DraftMask* mask) {
    const int64_t windows = input.local_mask.size(0);
    const int64_t queries = input.q_mean.size(0);
    const int64_t keys = input.k_mean.size(0);
    const int64_t heads = input.q_mean.size(1) / kHeadDim;
    const auto options = input.q_mean.options().dtype(at::kInt);
    BlockLists lists{at::empty({heads, queries}, options),
                     at::empty({heads, queries, keys}, options)};

    kernels::DraftMask params;
    params.q_mean = input.q_mean.const_data_ptr();
    params.k_mean = input.k_mean.const_data_ptr();
    params.local_mask = input.local_mask.const_data_ptr<bool>();
    params.heads = static_cast<int>(heads);
    params.windows = static_cast<int>(windows);
    params.query_slices = static_cast<int>(queries / windows);
    params.key_slices = static_cast<int>(keys / windows);
    params.budget = input.budget;
    params.most_allowed = static_cast<int>(input.most_allowed);
    params.block_count = lists.count.mutable_data_ptr<int32_t>();
    params.block_index = lists.index.mutable_data_ptr<int32_t>();
    params.type = element_type(input.q_mean);
    if (mask) {
        mask->blocks = at::empty({heads, queries, keys}, options.dtype(at::kBool));
        mask->weight = at::empty({heads, queries, keys}, options.dtype(at::kFloat));
        mask->threshold = at::empty({heads, queries / windows, 1}, options.dtype(at::kFloat));
        params.mask = mask->blocks.mutable_data_ptr<bool>();
        params.weight = mask->weight.mutable_data_ptr<float>();
        params.threshold = mask->threshold.mutable_data_ptr<float>();
    }
#ifdef FLASHVSR_CUDA
    at::Tensor workspace;
    if (input.q_mean.is_cuda()) {
        const auto bytes = static_cast<int64_t>(kernels::draft_mask_workspace(params));
        workspace = at::empty({bytes}, options.dtype(at::kByte));
        params.workspace = workspace.mutable_data_ptr();
    }
#endif
    FLASHVSR_LAUNCH(draft_mask, input.q_mean, params);
    return lists;
}

}  // namespace flashvsr
