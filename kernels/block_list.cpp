// SPDX-License-Identifier: Apache-2.0
#include "kernels/block_list.h"

namespace flashvsr::kernels {

void block_list_cpu(const BlockList& params) {
    for (int64_t row = 0; row < params.rows; ++row) {
        const bool* mask = params.mask + row * params.columns;
        int32_t* index = params.block_index + row * params.columns;
        int32_t count = 0;
        for (int column = 0; column < params.columns; ++column) {
            if (mask[column]) index[count++] = column;
        }
        params.block_count[row] = count;
    }
}

}  // namespace flashvsr::kernels
