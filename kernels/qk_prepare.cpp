// SPDX-License-Identifier: Apache-2.0
#include "kernels/qk_prepare.h"

#include <algorithm>
#include <vector>

#include "kernels/half.h"
#include "kernels/norm.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

// out: [windows * 128, dim]
template <typename T>
void norm_and_turn(const QkPrepare& params, const T* rows, const void* weight, T* out) {
    for (int64_t row = 0; row < int64_t{params.windows} * kWindowTokens; ++row) {
        RmsNormRope norm;
        norm.x = rows + row * params.row_stride;
        norm.weight = weight;
        norm.cos_sin = params.cos_sin + row * kHeadDim;
        norm.y = out + row * params.dim;
        norm.rows = 1;
        norm.dim = params.dim;
        norm.eps = params.eps;
        norm.type = params.type;
        rms_norm_rope_cpu(norm);
    }
}

template <typename T>
void window_means(const QkPrepare& params, const T* rows, T* mean) {
    const int64_t dim = params.dim;
    for (int window = 0; window < params.windows; ++window) {
        const T* first = rows + int64_t{window} * kWindowTokens * dim;
        for (int64_t i = 0; i < dim; ++i) {
            double sum = 0;
            for (int token = 0; token < kWindowTokens; ++token) {
                sum += to_float(first[token * dim + i]);
            }
            mean[window * dim + i] = round_to<T>(static_cast<float>(sum / kWindowTokens));
        }
    }
}

template <typename T>
void store(const std::vector<T>& rows, float scale, void* to) {
    if (scale == 0) {
        std::copy(rows.begin(), rows.end(), static_cast<T*>(to));
        return;
    }
    for (size_t i = 0; i < rows.size(); ++i)
        static_cast<Float8E4M3*>(to)[i] = round_to<Float8E4M3>(to_float(rows[i]) * (1.0f / scale));
}

}  // namespace

void qk_prepare_cpu(const QkPrepare& params) {
    require(params.dim > 0 && params.dim % kHeadDim == 0,
            "qk_prepare takes a dim that 128 divides");
    require(params.row_stride >= 2 * params.dim, "rows of qk overlap");
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        const T* qk = static_cast<const T*>(params.qk);
        const size_t size = size_t(params.windows) * kWindowTokens * params.dim;
        std::vector<T> rows(size);
        norm_and_turn(params, qk, params.norm_q, rows.data());
        window_means(params, rows.data(), static_cast<T*>(params.q_mean));
        store(rows, params.q_scale, params.q);
        norm_and_turn(params, qk + params.dim, params.norm_k, rows.data());
        window_means(params, rows.data(), static_cast<T*>(params.k_mean));
        store(rows, params.k_scale, params.k);
    });
}

}  // namespace flashvsr::kernels
