// SPDX-License-Identifier: Apache-2.0
// Attention of the DiT: sparse over windows, and dense over the prompt.
#pragma once

#include <ATen/ATen.h>

namespace flashvsr {

inline constexpr int64_t kHeadDim = 128;

// The key windows of each (head, query window); see kernels/block_sparse_attention.h.
struct BlockLists {
    at::Tensor count;  // [heads, query windows], int32
    at::Tensor index;  // [heads, query windows, key windows], int32; `count` entries of a row count
};

// mask: [heads, query windows, key windows] bool.
BlockLists block_lists(const at::Tensor& mask);

// Exact softmax attention over the listed windows; a query window with an empty list gives zeros.
// q: [query windows * 128, dim]; k, v: [key windows * 128, dim], window order; returns q's shape.
at::Tensor block_sparse_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const BlockLists& lists);

// The same in e4m3 on GPUs of capability 9.0: q, k, v as kernels/attention_e4m3.h stores them, and
// what an element of each stands for. The result is of `type`, fp16 or bf16.
struct E4m3Scales {
    float q = 1, k = 1, v = 1;
};
at::Tensor block_sparse_attention_e4m3(const at::Tensor& q, const at::Tensor& k,
                                       const at::Tensor& v, const E4m3Scales& scales,
                                       const BlockLists& lists, at::ScalarType type);

// The same function for training: has a backward pass and costs what dense attention costs.
// mask: [heads, query windows, key windows] bool.
at::Tensor masked_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const at::Tensor& mask);

// Dense attention over the prompt. q: [tokens, dim]; k, v: [1, heads, prompt tokens, 128].
at::Tensor prompt_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace flashvsr
