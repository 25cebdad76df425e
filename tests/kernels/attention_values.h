// SPDX-License-Identifier: Apache-2.0
// Values as block_sparse_attention reads them.
#pragma once

#include <type_traits>
#include <vector>

#include "kernels/block_sparse_attention.h"
#include "kernels/half.h"

namespace flashvsr::kernels {

// From [windows, 128, heads, 128]: as they are, or fp8's transposed tiles.
template <typename T>
std::vector<T> stored_values(const std::vector<T>& v, int heads) {
    if (!std::is_same_v<T, Float8E4M3>) return v;
    std::vector<T> stored(v.size());
    const size_t tokens = v.size() / (size_t(heads) * kHeadDim);
    for (size_t row = 0; row < tokens; ++row) {
        const size_t window = row / kWindowTokens;
        const int at = value_position_e4m3(row % kWindowTokens);
        for (int head = 0; head < heads; ++head) {
            for (int d = 0; d < kHeadDim; ++d) {
                stored[((window * heads + head) * kHeadDim + d) * kWindowTokens + at] =
                    v[(row * heads + head) * kHeadDim + d];
            }
        }
    }
    return stored;
}

}  // namespace flashvsr::kernels
