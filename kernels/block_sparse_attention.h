// Softmax attention of query windows over listed key windows (spec/flashvsr.md section 7.3).
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

struct BlockSparseAttention {
    // Token rows hold all heads side by side: row stride = heads * 128 elements.
    const void* q = nullptr;  // [query_windows, 128, heads, 128]
    const void* k = nullptr;  // [key_windows, 128, heads, 128]
    const void* v = nullptr;  // [key_windows, 128, heads, 128]
    void* out = nullptr;      // [query_windows, 128, heads, 128]
    // The key windows of each (head, query window): the first block_count entries of its row.
    const int32_t* block_count = nullptr;  // [heads, query_windows], 0 to key_windows
    const int32_t* block_index = nullptr;  // [heads, query_windows, key_windows], < key_windows
    int heads = 0;
    int query_windows = 0;
    int key_windows = 0;
    ElementType type = ElementType::kFloat32;
    // Scratch, [heads, query_windows]: where given, the longest lists start first, which is worth a
    // tenth where lists are uneven. Results do not depend on it. The CPU ignores it.
    int32_t* order = nullptr;
};

// Plain loops, any type. Host pointers.
void block_sparse_attention_cpu(const BlockSparseAttention& params);

// Tensor cores (mma.sync) for fp16 and bf16, plain fp32 for fp32. Device pointers, tensors aligned
// to 16 bytes, sm_80 and newer.
void block_sparse_attention_sm80(const BlockSparseAttention& params, CudaStream stream);

}  // namespace flashvsr::kernels
