// SPDX-License-Identifier: Apache-2.0
#include "kernels/block_sparse_attention.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "kernels/half.h"

// The loops below keep their order of summation, so every clone gives the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FLASHVSR_SIMD_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define FLASHVSR_SIMD_CLONES
#endif

namespace flashvsr::kernels {
namespace {

constexpr int kTile = kWindowTokens * kHeadDim;

// scores[j] = sum over d of q[d] * keys[d, j]
FLASHVSR_SIMD_CLONES
void score_window(const float* __restrict q, const float* __restrict keys,
                  float* __restrict scores) {
    float sum[kWindowTokens] = {};
    for (int d = 0; d < kHeadDim; ++d) {
        for (int j = 0; j < kWindowTokens; ++j) sum[j] += q[d] * keys[d * kWindowTokens + j];
    }
    std::copy(sum, sum + kWindowTokens, scores);
}

// out[d] += sum over j of p[j] * values[j, d]
FLASHVSR_SIMD_CLONES
void weigh_window(const float* __restrict p, const float* __restrict values,
                  float* __restrict out) {
    float sum[kHeadDim];
    std::copy(out, out + kHeadDim, sum);
    for (int j = 0; j < kWindowTokens; ++j) {
        for (int d = 0; d < kHeadDim; ++d) sum[d] += p[j] * values[j * kHeadDim + d];
    }
    std::copy(sum, sum + kHeadDim, out);
}

// One head's keys [key_windows, d, token] and values [key_windows, token, d] as floats.
struct HeadTiles {
    std::vector<float> keys;
    std::vector<float> values;
};

template <typename T>
void gather_head(const BlockSparseAttention& params, int head, HeadTiles& tiles) {
    const int64_t row_stride = int64_t{params.heads} * kHeadDim;
    const T* k = static_cast<const T*>(params.k) + head * kHeadDim;
    const T* v = static_cast<const T*>(params.v) + head * kHeadDim;
    for (int64_t window = 0; window < params.key_windows; ++window) {
        float* keys = tiles.keys.data() + window * kTile;
        float* values = tiles.values.data() + window * kTile;
        const T* transposed =
            static_cast<const T*>(params.v) + (window * params.heads + head) * kTile;
        for (int token = 0; token < kWindowTokens; ++token) {
            const int64_t row = (window * kWindowTokens + token) * row_stride;
            for (int d = 0; d < kHeadDim; ++d) {
                keys[d * kWindowTokens + token] = to_float(k[row + d]);
                values[token * kHeadDim + d] =
                    std::is_same_v<T, Float8E4M3>
                        ? to_float(transposed[d * kWindowTokens + value_position_e4m3(token)])
                        : to_float(v[row + d]);
            }
        }
    }
}

// A weight, at most 1, as P V takes it. In e4m3 the weights count in units of 2^-8.
template <typename T>
float rounded_weight(float p) {
    if (std::is_same_v<T, Float8E4M3>) return rounded<T>(p * 256) / 256;
    return rounded<T>(p);
}

// One query token over the `count` listed windows; `scores` has room for all their keys.
template <typename T, typename Out>
void attend_token(const BlockSparseAttention& params, const T* query, const int32_t* windows,
                  int count, const HeadTiles& tiles, std::vector<float>& scores, Out* out) {
    float q[kHeadDim];
    for (int d = 0; d < kHeadDim; ++d) q[d] = to_float(query[d]);
    for (int i = 0; i < count; ++i) {
        score_window(q, tiles.keys.data() + int64_t{windows[i]} * kTile,
                     scores.data() + i * kWindowTokens);
    }

    const int keys = count * kWindowTokens;
    const float maximum = *std::max_element(scores.begin(), scores.begin() + keys);
    constexpr bool kScaled = std::is_same_v<T, Float8E4M3>;
    const float scale = (kScaled ? params.q_scale * params.k_scale : 1.0f) /
                        std::sqrt(static_cast<float>(kHeadDim));
    const float value_scale = kScaled ? params.v_scale : 1.0f;
    float sum = 0;
    for (int j = 0; j < keys; ++j) {
        const float p = std::exp((scores[j] - maximum) * scale);
        sum += p;
        scores[j] = rounded_weight<T>(p);
    }

    float weighted[kHeadDim] = {};
    for (int i = 0; i < count; ++i) {
        weigh_window(scores.data() + i * kWindowTokens,
                     tiles.values.data() + int64_t{windows[i]} * kTile, weighted);
    }
    for (int d = 0; d < kHeadDim; ++d) out[d] = round_to<Out>(weighted[d] / sum * value_scale);
}

template <typename T, typename Out>
void attend(const BlockSparseAttention& params) {
    const int64_t row_stride = int64_t{params.heads} * kHeadDim;
    const size_t key_elements = static_cast<size_t>(params.key_windows) * kTile;
    HeadTiles tiles{std::vector<float>(key_elements), std::vector<float>(key_elements)};
    std::vector<float> scores(static_cast<size_t>(params.key_windows) * kWindowTokens);
    for (int head = 0; head < params.heads; ++head) {
        gather_head<T>(params, head, tiles);
        for (int64_t window = 0; window < params.query_windows; ++window) {
            const int64_t list = int64_t{head} * params.query_windows + window;
            const int count = params.block_count[list];
            for (int token = 0; token < kWindowTokens; ++token) {
                const int64_t at =
                    (window * kWindowTokens + token) * row_stride + int64_t{head} * kHeadDim;
                Out* out = static_cast<Out*>(params.out) + at;
                if (count == 0) {
                    std::fill(out, out + kHeadDim, Out{});
                    continue;
                }
                attend_token(params, static_cast<const T*>(params.q) + at,
                             params.block_index + list * params.key_windows, count, tiles, scores,
                             out);
            }
        }
    }
}

}  // namespace

void block_sparse_attention_cpu(const BlockSparseAttention& params) {
    if (params.type != ElementType::kFloat8E4M3) {
        return with_host_type(params.type,
                              [&](auto tag) { attend<decltype(tag), decltype(tag)>(params); });
    }
    with_host_type(params.out_type, [&](auto tag) { attend<Float8E4M3, decltype(tag)>(params); });
}

}  // namespace flashvsr::kernels
