#include "kernels/qk_prepare.h"

#include "kernels/half.h"
#include "kernels/norm.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

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

}  // namespace

void qk_prepare_cpu(const QkPrepare& params) {
    require(params.dim > 0 && params.dim % kHeadDim == 0,
            "qk_prepare takes a dim that 128 divides");
    require(params.row_stride >= 2 * params.dim, "rows of qk overlap");
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        const T* qk = static_cast<const T*>(params.qk);
        T* q = static_cast<T*>(params.q);
        T* k = static_cast<T*>(params.k);
        norm_and_turn(params, qk, params.norm_q, q);
        norm_and_turn(params, qk + params.dim, params.norm_k, k);
        window_means(params, q, static_cast<T*>(params.q_mean));
        window_means(params, k, static_cast<T*>(params.k_mean));
    });
}

}  // namespace flashvsr::kernels
