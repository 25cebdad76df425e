// SPDX-License-Identifier: Apache-2.0
// Which key windows each query window attends to (docs/model.md section 7.2), from window means
// to the lists that block_sparse_attention reads.
//
//   score  = RN(RN(q_mean k_mean^T) / sqrt(128))        per head; RN rounds to the element type
//   weight = softmax over the local_mask windows of all key slices, fp32; 0 where not local_mask
//   kept   = weight > the (min(n - 1, budget) + 1)-th largest of the n weights of a query slice
//
// The selection is exact: what ties with the threshold is dropped. A query window that may attend
// to nothing has weights of 0 and an empty list. Results are equal from run to run; across devices
// the products and exponentials may differ in a last bit, which can exchange entries that nearly
// tie.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/block_sparse_attention.h"
#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

struct DraftMask {
    const void* q_mean = nullptr;      // [query_slices * windows, heads * 128]
    const void* k_mean = nullptr;      // [key_slices * windows, heads * 128]
    const bool* local_mask = nullptr;  // [windows, windows]: query, key; the same in every slice
    int heads = 0;
    int windows = 0;  // of one slice
    int query_slices = 0;
    int key_slices = 0;
    int64_t budget = 0;  // blocks kept per head and query slice; at least 0
    // No query may attend to more windows of a slice than this, such as local_range^2; 0: not
    // known. Saves memory where pictures are large; a value that is too low ends the kernel.
    int most_allowed = 0;

    // Lists as in BlockSparseAttention: key windows ascending, entries past the count unwritten.
    int32_t* block_count = nullptr;  // [heads, query_slices * windows]
    int32_t* block_index = nullptr;  // [heads, query_slices * windows, key_slices * windows]
    // For probes and tests, each or NULL.
    float* weight = nullptr;     // [heads, query_slices * windows, key_slices * windows]
    float* threshold = nullptr;  // [heads, query_slices]
    bool* mask = nullptr;        // [heads, query_slices * windows, key_slices * windows]

    void* workspace = nullptr;  // of draft_mask_workspace(params) bytes; the CPU ignores it
    ElementType type = ElementType::kFloat32;  // of the means; on CUDA a 16-bit one
};

// Bytes of device memory that draft_mask_cuda wants for these sizes on the current device: for what
// does not fit into shared memory, see draft_mask_plan.h; else 0.
size_t draft_mask_workspace(const DraftMask& params);

void draft_mask_cpu(const DraftMask& params);
// Pointers are aligned to 16 bytes.
void draft_mask_cuda(const DraftMask& params, CudaStream stream);

}  // namespace flashvsr::kernels
