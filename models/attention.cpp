// SPDX-License-Identifier: Apache-2.0
#include "models/attention.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "kernels/block_list.h"
#include "kernels/block_sparse_attention.h"
#include "models/kernel_args.h"
#include "models/window.h"

namespace flashvsr {
namespace {

// One (head, query window): gathers the listed windows and attends to them densely.
// q: [128, 128]; k, v: [key windows, 128, 128] views; index: [n], int32.
at::Tensor attend_window(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const at::Tensor& index) {
    const at::Tensor keys = k.index_select(0, index).view({-1, kHeadDim});
    const at::Tensor values = v.index_select(0, index).view({-1, kHeadDim});
    const at::Tensor scores = at::mm(q, keys.t()) / std::sqrt(static_cast<double>(kHeadDim));
    return at::mm(at::softmax(scores, 1), values);
}

at::Tensor block_sparse_attention_host(const at::Tensor& q, const at::Tensor& k,
                                       const at::Tensor& v, const BlockLists& lists) {
    const int64_t heads = lists.count.size(0);
    const int64_t windows = lists.count.size(1);
    auto by_window = [&](const at::Tensor& x) {
        return x.view({-1, kWindowTokens, heads, kHeadDim});
    };
    const at::Tensor q4 = by_window(q);
    const at::Tensor k4 = by_window(k);
    const at::Tensor v4 = by_window(v);
    at::Tensor out = at::zeros_like(q);
    const at::Tensor out4 = by_window(out);
    const auto count = lists.count.accessor<int32_t, 2>();
    at::parallel_for(0, heads * windows, 1, [&](int64_t begin, int64_t end) {
        const c10::NoGradGuard no_grad;  // the guard is per thread
        for (int64_t row = begin; row < end; ++row) {
            const int64_t head = row / windows;
            const int64_t window = row % windows;
            if (count[head][window] == 0) continue;
            const at::Tensor index =
                lists.index.select(0, head).select(0, window).narrow(0, 0, count[head][window]);
            out4.select(0, window).select(1, head).copy_(
                attend_window(q4.select(0, window).select(1, head), k4.select(2, head),
                              v4.select(2, head), index));
        }
    });
    return out;
}

}  // namespace

BlockLists block_lists(const at::Tensor& mask) {
    const at::Tensor dense = mask.contiguous();
    const auto options = dense.options().dtype(at::kInt);
    BlockLists lists{at::empty({dense.size(0), dense.size(1)}, options),
                     at::empty(dense.sizes(), options)};
    kernels::BlockList params;
    params.mask = dense.const_data_ptr<bool>();
    params.block_count = lists.count.mutable_data_ptr<int32_t>();
    params.block_index = lists.index.mutable_data_ptr<int32_t>();
    params.rows = static_cast<int>(dense.size(0) * dense.size(1));
    params.columns = static_cast<int>(dense.size(2));
    FLASHVSR_LAUNCH(block_list, dense, params);
    return lists;
}

at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& mask) {
    const int64_t heads = mask.size(0);
    auto by_head = [&](const at::Tensor& x) {
        return x.view({1, x.size(0), heads, kHeadDim}).transpose(1, 2);
    };
    // A row without any block would be 0/0: let it see everything and take the result away.
    const at::Tensor used = mask.any(2, true);
    const at::Tensor tokens = mask.logical_or(used.logical_not())
                                  .repeat_interleave(kWindowTokens, 1)
                                  .repeat_interleave(kWindowTokens, 2);
    const at::Tensor out =
        at::scaled_dot_product_attention(by_head(q), by_head(k), by_head(v), tokens.unsqueeze(0));
    const at::Tensor kept = used.repeat_interleave(kWindowTokens, 1).to(q.scalar_type());
    return (out * kept.unsqueeze(0)).transpose(1, 2).reshape(q.sizes());
}

#ifdef FLASHVSR_CUDA
namespace {

at::Tensor block_sparse_attention_device(const at::Tensor& q, const at::Tensor& k,
                                         const at::Tensor& v, const E4m3Scales& scales,
                                         const BlockLists& lists, at::ScalarType type) {
    const at::Tensor out = at::empty_like(q, q.options().dtype(type));
    const at::Tensor order = at::empty_like(lists.count);
    kernels::BlockSparseAttention params;
    params.q = q.const_data_ptr();
    params.k = k.const_data_ptr();
    params.v = v.const_data_ptr();
    params.out = out.mutable_data_ptr();
    params.block_count = lists.count.const_data_ptr<int32_t>();
    params.block_index = lists.index.const_data_ptr<int32_t>();
    params.order = order.mutable_data_ptr<int32_t>();
    params.heads = static_cast<int>(lists.count.size(0));
    params.query_windows = static_cast<int>(lists.count.size(1));
    params.key_windows = static_cast<int>(lists.index.size(2));
    params.type = element_type(q);
    params.out_type = element_type(out);
    params.q_scale = scales.q;
    params.k_scale = scales.k;
    params.v_scale = scales.v;
    kernels::block_sparse_attention_cuda(params, current_stream(q));
    return out;
}

}  // namespace
#endif

at::Tensor block_sparse_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const BlockLists& lists) {
#ifdef FLASHVSR_CUDA
    if (q.is_cuda()) return block_sparse_attention_device(q, k, v, {}, lists, q.scalar_type());
#endif
    return block_sparse_attention_host(q, k, v, lists);
}

at::Tensor block_sparse_attention_e4m3(const at::Tensor& q, const at::Tensor& k,
                                       const at::Tensor& v, const E4m3Scales& scales,
                                       const BlockLists& lists, at::ScalarType type) {
#ifdef FLASHVSR_CUDA
    if (q.is_cuda()) return block_sparse_attention_device(q, k, v, scales, lists, type);
#endif
    (void)k, (void)v, (void)scales, (void)lists;
    TORCH_CHECK(false, "attention in e4m3 runs on a GPU, not on ", q.device(), " giving ", type);
}

at::Tensor prompt_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    const at::Tensor queries = q.view({1, q.size(0), -1, kHeadDim}).transpose(1, 2);
    return at::scaled_dot_product_attention(queries, k, v).transpose(1, 2).reshape(q.sizes());
}

}  // namespace flashvsr
