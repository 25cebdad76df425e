// SPDX-License-Identifier: Apache-2.0
// Softmax attention of query windows over listed key windows (docs/model.md section 7.3).
//
//   out = softmax(q k^T / sqrt(128)) v   over the keys of the listed windows only,
//
// per head, with fp32 accumulation and P rounded to the element type before P V. A query window
// whose list is empty gives zeros.
#pragma once

#include <cstdint>

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

inline constexpr int kWindowTokens = 128;  // 2 frames x 8 rows x 8 columns
inline constexpr int kHeadDim = 128;

// Where a token stands in a row of fp8 values: of each 16 tokens the pairs (0, 1), (2, 3), ... (14,
// 15) lie in the order 0, 4, 1, 5, 2, 6, 3, 7. So the scores of a thread, which come two columns of
// every eight at a time, are the four neighbours that its tensor core takes of a left operand.
constexpr int value_position_e4m3(int token) {
    return (token & ~15) | (token & 6) << 1 | (token & 8) >> 2 | (token & 1);
}

struct BlockSparseAttention {
    // Token rows hold all heads side by side: row stride = heads * 128 elements.
    const void* q = nullptr;  // [query_windows, 128, heads, 128]
    const void* k = nullptr;  // [key_windows, 128, heads, 128]
    // [key_windows, 128, heads, 128]; in fp8 transposed, [key_windows, heads, 128 (d), 128], with
    // the tokens of each row of 128 at value_position_e4m3(token).
    const void* v = nullptr;
    void* out = nullptr;  // [query_windows, 128, heads, 128], never fp8
    // The key windows of each (head, query window): the first block_count entries of its row.
    const int32_t* block_count = nullptr;  // [heads, query_windows], 0 to key_windows
    const int32_t* block_index = nullptr;  // [heads, query_windows, key_windows], < key_windows
    int heads = 0;
    int query_windows = 0;
    int key_windows = 0;
    ElementType type = ElementType::kFloat32;  // of q, k, v, and of out unless it is fp8
    // Only for fp8 (kFloat8E4M3): the type of out, fp16 or bf16, and what an element of q, k, v
    // times its scale stands for.
    ElementType out_type = ElementType::kBFloat16;
    float q_scale = 1.0f;
    float k_scale = 1.0f;
    float v_scale = 1.0f;
    // Scratch, [heads, query_windows]: where given, short lists start last, which is worth a tenth
    // where lists are uneven. Results do not depend on it. The CPU ignores it.
    int32_t* order = nullptr;
};

// Plain loops, any type. Host pointers.
void block_sparse_attention_cpu(const BlockSparseAttention& params);

// The fastest of the kernels below that the current device runs. Device pointers, tensors aligned
// to 16 bytes. fp8 needs compute capability 9.0; others throw std::invalid_argument.
void block_sparse_attention_cuda(const BlockSparseAttention& params, CudaStream stream);

// Tensor cores through mma.sync, for fp16 and bf16; compute capability 8.0 and newer.
void block_sparse_attention_sm80(const BlockSparseAttention& params, CudaStream stream);

// Tensor cores through wgmma, tiles through the copy engine; fp16, bf16 and fp8; compute capability
// 9.0 alone.
void block_sparse_attention_sm90(const BlockSparseAttention& params, CudaStream stream);

}  // namespace flashvsr::kernels
