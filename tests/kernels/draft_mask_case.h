// SPDX-License-Identifier: Apache-2.0
// Inputs and results of the draft mask that its tests share.
#pragma once

#include <algorithm>
#include <functional>
#include <string>

#include "kernels/draft_mask.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {

struct DraftMaskShape {
    int heads, rows, columns;  // of the window grid
    int query_slices, key_slices;
    int range;  // local range, see models/draft_mask.h; 0: nothing is local_mask
    int64_t budget;

    int windows() const { return rows * columns; }
    int queries() const { return query_slices * windows(); }
    int keys() const { return key_slices * windows(); }
    size_t pairs() const { return size_t(heads) * queries() * keys(); }
    std::string name() const {
        return std::to_string(heads) + " heads, " + std::to_string(rows) + "x" +
               std::to_string(columns) + " windows, " + std::to_string(query_slices) + " of " +
               std::to_string(key_slices) + " slices, range " + std::to_string(range) +
               ", budget " + std::to_string(budget);
    }
};

// [windows, windows] of 0 and 1.
inline std::vector<uint8_t> local_windows(const DraftMaskShape& shape) {
    auto near = [&](int query, int key) {
        const int offset = key - query + shape.range / 2;
        return offset >= 0 && offset < shape.range;
    };
    const int windows = shape.windows(), columns = shape.columns;
    std::vector<uint8_t> local_mask(size_t(windows) * windows);
    for (int q = 0; q < windows; ++q) {
        for (int k = 0; k < windows; ++k) {
            local_mask[size_t(q) * windows + k] =
                near(q / columns, k / columns) && near(q % columns, k % columns);
        }
    }
    return local_mask;
}

template <typename T>
struct DraftMaskMeans {
    std::vector<T> q, k;
};

// Means whose scores spread over a few units.
template <typename T>
DraftMaskMeans<T> random_means(const DraftMaskShape& shape, unsigned seed) {
    const size_t dim = size_t(shape.heads) * kHeadDim;
    return {to_type<T>(random_normal(shape.queries() * dim, seed)),
            to_type<T>(random_normal(shape.keys() * dim, seed + 1))};
}

// Small integers: products are exact on every device, and many scores tie.
template <typename T>
DraftMaskMeans<T> integer_means(const DraftMaskShape& shape, unsigned seed) {
    const size_t dim = size_t(shape.heads) * kHeadDim;
    auto integers = [&](size_t count, unsigned s) {
        std::vector<float> values = random_uniform(count, s, -2.49f, 2.49f);
        for (float& value : values) value = std::round(value);
        return to_type<T>(values);
    };
    return {integers(shape.queries() * dim, seed), integers(shape.keys() * dim, seed + 1)};
}

inline DraftMask draft_mask_of(const DraftMaskShape& shape, ElementType type) {
    DraftMask params;
    params.heads = shape.heads;
    params.windows = shape.windows();
    params.query_slices = shape.query_slices;
    params.key_slices = shape.key_slices;
    params.budget = shape.budget;
    params.type = type;
    return params;
}

// On the host.
struct DraftMaskResult {
    explicit DraftMaskResult(const DraftMaskShape& shape)
        : count(poisoned<int32_t>(size_t(shape.heads) * shape.queries())),
          index(poisoned<int32_t>(shape.pairs())),
          weight(poisoned<float>(shape.pairs())),
          threshold(poisoned<float>(size_t(shape.heads) * shape.query_slices)),
          mask(poisoned<uint8_t>(shape.pairs())) {}

    std::vector<int32_t> count, index;
    std::vector<float> weight, threshold;
    std::vector<uint8_t> mask;
};

template <typename T>
DraftMaskResult draft_on_cpu(const DraftMaskShape& shape, const DraftMaskMeans<T>& means,
                             const std::vector<uint8_t>& local_mask) {
    DraftMaskResult result(shape);
    DraftMask params = draft_mask_of(shape, element_type_of<T>());
    params.q_mean = means.q.data();
    params.k_mean = means.k.data();
    params.local_mask = reinterpret_cast<const bool*>(local_mask.data());
    params.block_count = result.count.data();
    params.block_index = result.index.data();
    params.weight = result.weight.data();
    params.threshold = result.threshold.data();
    params.mask = reinterpret_cast<bool*>(result.mask.data());
    draft_mask_cpu(params);
    return result;
}

// Threshold, mask and lists follow from the weights exactly.
inline void expect_exact_selection(const DraftMaskShape& shape, const DraftMaskResult& result) {
    const size_t n = size_t(shape.windows()) * shape.keys();
    const size_t kept = std::min<size_t>(n - 1, shape.budget);
    for (size_t group = 0; group < result.threshold.size(); ++group) {
        const auto begin = result.weight.begin() + group * n;
        std::vector<float> sorted(begin, begin + n);
        std::sort(sorted.begin(), sorted.end(), std::greater<float>());
        ASSERT_EQ(result.threshold[group], sorted[kept]) << shape.name();
    }
    const size_t keys = shape.keys();
    for (size_t row = 0; row < result.count.size(); ++row) {
        const float threshold = result.threshold[row / shape.windows()];
        int32_t count = 0;
        for (size_t key = 0; key < keys; ++key) {
            const bool above = result.weight[row * keys + key] > threshold;
            ASSERT_EQ(result.mask[row * keys + key], above) << shape.name();
            if (above) {
                ASSERT_EQ(result.index[row * keys + count++], int32_t(key)) << shape.name();
            }
        }
        ASSERT_EQ(result.count[row], count) << shape.name();
        for (size_t i = count; i < keys; ++i) ASSERT_EQ(result.index[row * keys + i], -1);
    }
}

// 1 window, odd sizes, several query slices, empty rows, budgets of 0, in between, and of all.
inline const DraftMaskShape kDraftMaskShapes[] = {
    {2, 1, 1, 1, 4, 11, 119},   {3, 1, 1, 3, 3, 11, 1},    {2, 3, 4, 1, 4, 11, 100},
    {12, 5, 7, 1, 3, 3, 200},   {2, 3, 5, 3, 3, 4, 0},     {1, 4, 5, 1, 4, 0, 7},
    {4, 6, 11, 1, 4, 11, 7919}, {4, 6, 11, 3, 3, 9, 5939}, {2, 6, 11, 1, 4, 2, 7919},
    {1, 3, 7, 1, 2, 11, 881},   {1, 3, 7, 1, 2, 11, 882},  {1, 3, 7, 1, 2, 11, 1000000},
};

}  // namespace flashvsr::kernels
