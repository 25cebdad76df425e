// SPDX-License-Identifier: Apache-2.0
// Turns a block mask into the compact lists that block_sparse_attention reads.
#pragma once

#include <cstdint>

#include "kernels/stream.h"

namespace flashvsr::kernels {

struct BlockList {
    const bool* mask = nullptr;      // [rows, columns]
    int32_t* block_count = nullptr;  // [rows], out
    // Columns that are set, ascending; entries from block_count on are left unwritten.
    int32_t* block_index = nullptr;  // [rows, columns], out
    int rows = 0;
    int columns = 0;
};

void block_list_cpu(const BlockList& params);
void block_list_cuda(const BlockList& params, CudaStream stream);

}  // namespace flashvsr::kernels
