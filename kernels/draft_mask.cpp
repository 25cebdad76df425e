// SPDX-License-Identifier: Apache-2.0
#include "kernels/draft_mask.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/half.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

// Softmax weights of one (head, query window) over `keys` windows.
template <typename T>
void weigh_keys(const DraftMask& params, int head, int64_t query, float* weight) {
    const int64_t dim = int64_t{params.heads} * kHeadDim;
    const int keys = params.key_slices * params.windows;
    const T* q = static_cast<const T*>(params.q_mean) + query * dim + head * kHeadDim;
    const T* k = static_cast<const T*>(params.k_mean) + head * kHeadDim;
    const bool* local_mask = params.local_mask + query % params.windows * params.windows;
    const float root = std::sqrt(static_cast<float>(kHeadDim));

    float maximum = -INFINITY;
    for (int key = 0; key < keys; ++key) {
        if (!local_mask[key % params.windows]) continue;
        double product = 0;
        for (int d = 0; d < kHeadDim; ++d) {
            product += double{to_float(q[d])} * double{to_float(k[key * dim + d])};
        }
        weight[key] = rounded<T>(rounded<T>(static_cast<float>(product)) / root);
        maximum = std::max(maximum, weight[key]);
    }
    double sum = 0;
    for (int key = 0; key < keys; ++key) {
        weight[key] = local_mask[key % params.windows] ? std::exp(weight[key] - maximum) : 0.0f;
        sum += weight[key];
    }
    for (int key = 0; key < keys && sum > 0; ++key) weight[key] /= static_cast<float>(sum);
}

// The (min(n - 1, budget) + 1)-th largest.
float threshold_of(std::vector<float> weights, int64_t budget) {
    const int64_t last = static_cast<int64_t>(weights.size()) - 1;
    const auto at = weights.begin() + std::min(last, budget);
    std::nth_element(weights.begin(), at, weights.end(), std::greater<float>());
    return *at;
}

// One head and query slice.
template <typename T>
void draft_slice(const DraftMask& params, int head, int slice) {
    const int64_t windows = params.windows, keys = params.key_slices * windows;
    std::vector<float> weights(windows * keys);
    for (int64_t window = 0; window < windows; ++window) {
        weigh_keys<T>(params, head, slice * windows + window, weights.data() + window * keys);
    }
    const float threshold = threshold_of(weights, params.budget);

    const int64_t first = (int64_t{head} * params.query_slices + slice) * windows;
    for (int64_t window = 0; window < windows; ++window) {
        const float* weight = weights.data() + window * keys;
        const int64_t row = first + window;
        int32_t count = 0;
        for (int key = 0; key < keys; ++key) {
            const bool kept = weight[key] > threshold;
            if (kept) params.block_index[row * keys + count++] = key;
            if (params.mask) params.mask[row * keys + key] = kept;
            if (params.weight) params.weight[row * keys + key] = weight[key];
        }
        params.block_count[row] = count;
    }
    if (params.threshold) params.threshold[head * params.query_slices + slice] = threshold;
}

}  // namespace

void draft_mask_cpu(const DraftMask& params) {
    require(params.budget >= 0, "a draft mask's budget is at least 0");
    with_host_type(params.type, [&](auto tag) {
        for (int head = 0; head < params.heads; ++head) {
            for (int slice = 0; slice < params.query_slices; ++slice) {
                draft_slice<decltype(tag)>(params, head, slice);
            }
        }
    });
}

}  // namespace flashvsr::kernels
