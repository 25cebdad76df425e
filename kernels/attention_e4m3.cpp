// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention_e4m3.h"

#include "kernels/half.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
void store(const AttentionE4m3& params) {
    const int64_t rows = int64_t{params.windows} * kWindowTokens;
    const int64_t dim = int64_t{params.heads} * kHeadDim;
    const T* q = static_cast<const T*>(params.q);
    const T* k = static_cast<const T*>(params.k);
    const T* v = static_cast<const T*>(params.v);
    auto* q_e4m3 = static_cast<Float8E4M3*>(params.q_e4m3);
    auto* k_e4m3 = static_cast<Float8E4M3*>(params.k_e4m3);
    auto* v_e4m3 = static_cast<Float8E4M3*>(params.v_e4m3);
    auto rounded = [](T value, float scale) {
        return round_to<Float8E4M3>(to_float(value) * (1.0f / scale));
    };
    for (int64_t row = 0; row < rows; ++row) {
        const int64_t window = row / kWindowTokens;
        const int position = value_position_e4m3(static_cast<int>(row % kWindowTokens));
        for (int64_t column = 0; column < dim; ++column) {
            const int64_t at = row * dim + column;
            if (q) q_e4m3[at] = rounded(q[at], params.q_scale);
            if (k) k_e4m3[at] = rounded(k[at], params.k_scale);
            v_e4m3[(window * dim + column) * kWindowTokens + position] =
                rounded(v[at], params.v_scale);
        }
    }
}

}  // namespace

void attention_e4m3_cpu(const AttentionE4m3& params) {
    with_host_type(params.type, [&](auto tag) { store<decltype(tag)>(params); });
}

}  // namespace flashvsr::kernels
