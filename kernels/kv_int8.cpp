// SPDX-License-Identifier: Apache-2.0
#include "kernels/kv_int8.h"

#include <algorithm>
#include <cmath>

#include "kernels/half.h"

namespace flashvsr::kernels {
namespace {

// Calls body(at) with the index of each element of a window and head.
template <typename Body>
void each_element(int64_t window, int64_t head, int64_t heads, Body body) {
    for (int64_t token = 0; token < kWindowTokens; ++token) {
        const int64_t row = window * kWindowTokens + token;
        for (int64_t i = 0; i < kHeadDim; ++i) body((row * heads + head) * kHeadDim + i);
    }
}

template <typename T>
void quantize(const QuantizeKv& params) {
    const T* x = static_cast<const T*>(params.x);
    for (int64_t tile = 0; tile < int64_t{params.windows} * params.heads; ++tile) {
        const int64_t window = tile / params.heads, head = tile % params.heads;
        float largest = 0;
        each_element(window, head, params.heads,
                     [&](int64_t at) { largest = std::max(largest, std::abs(to_float(x[at]))); });
        const float inverse = kv_int8_inverse(largest);
        each_element(window, head, params.heads, [&](int64_t at) {
            params.q[at] = static_cast<int8_t>(std::nearbyint(to_float(x[at]) * inverse));
        });
        params.scale[tile] = kv_int8_scale(largest);
    }
}

template <typename T>
void dequantize(const DequantizeKv& params) {
    T* x = static_cast<T*>(params.x);
    for (int64_t tile = 0; tile < int64_t{params.windows} * params.heads; ++tile) {
        const float scale = params.scale[tile];
        each_element(tile / params.heads, tile % params.heads, params.heads, [&](int64_t at) {
            x[at] = round_to<T>(static_cast<float>(params.q[at]) * scale);
        });
    }
}

}  // namespace

void quantize_kv_cpu(const QuantizeKv& params) {
    with_host_type(params.type, [&](auto tag) { quantize<decltype(tag)>(params); });
}

void dequantize_kv_cpu(const DequantizeKv& params) {
    with_host_type(params.type, [&](auto tag) { dequantize<decltype(tag)>(params); });
}

}  // namespace flashvsr::kernels
