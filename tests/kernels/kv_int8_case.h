// SPDX-License-Identifier: Apache-2.0
// Keys or values to quantize: random, windows and heads of very different size, one of zeros.
#pragma once

#include "kernels/kv_int8.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {

template <typename T>
struct KvInt8Case {
    KvInt8Case(int windows, int heads, unsigned seed) : windows(windows), heads(heads) {
        std::vector<float> values = random_normal(count(), seed);
        for (size_t i = 0; i < values.size(); ++i) {
            const size_t tile = tile_of(i);
            values[i] *= tile % 5 == 3 ? 0.0f : std::ldexp(1.0f, static_cast<int>(tile % 13) - 6);
        }
        x = to_type<T>(values);
    }

    size_t count() const { return size_t(windows) * kWindowTokens * heads * kHeadDim; }
    size_t tiles() const { return size_t(windows) * heads; }
    // Window and head of an element.
    size_t tile_of(size_t at) const {
        const size_t row = at / kHeadDim / heads, head = at / kHeadDim % heads;
        return row / kWindowTokens * heads + head;
    }

    int windows, heads;
    std::vector<T> x;
};

}  // namespace flashvsr::kernels
