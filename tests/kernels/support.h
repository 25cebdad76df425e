// SPDX-License-Identifier: Apache-2.0
// Inputs and comparisons that the kernel tests share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/half.h"

namespace flashvsr::kernels {

inline std::vector<float> random_normal(size_t count, unsigned seed, float scale = 1.0f) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> distribution(0.0f, scale);
    std::vector<float> values(count);
    for (float& value : values) value = distribution(engine);
    return values;
}

inline std::vector<float> random_uniform(size_t count, unsigned seed, float low, float high) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> distribution(low, high);
    std::vector<float> values(count);
    for (float& value : values) value = distribution(engine);
    return values;
}

inline std::vector<uint8_t> random_bytes(size_t count, unsigned seed) {
    std::mt19937 engine(seed);
    std::vector<uint8_t> values(count);
    for (uint8_t& value : values) value = static_cast<uint8_t>(engine() >> 24);
    return values;
}

template <typename T>
std::vector<T> to_type(const std::vector<float>& values) {
    std::vector<T> result(values.size());
    for (size_t i = 0; i < values.size(); ++i) result[i] = round_to<T>(values[i]);
    return result;
}

template <typename T>
std::vector<float> to_floats(const std::vector<T>& values) {
    std::vector<float> result(values.size());
    for (size_t i = 0; i < values.size(); ++i) result[i] = to_float(values[i]);
    return result;
}

template <typename T>
constexpr ElementType element_type_of() {
    if (std::is_same_v<T, Float16>) return ElementType::kFloat16;
    if (std::is_same_v<T, BFloat16>) return ElementType::kBFloat16;
    if (std::is_same_v<T, Float8E4M3>) return ElementType::kFloat8E4M3;
    return ElementType::kFloat32;
}

// Room for `count` results, every byte 0xCD or, for floats, NaN: what a kernel forgets shows.
template <typename T>
std::vector<T> poisoned(size_t count) {
    std::vector<T> values(count);
    std::memset(static_cast<void*>(values.data()), sizeof(T) == 1 ? 0xCD : 0xFF, count * sizeof(T));
    return values;
}

// ||a - b|| / ||b||; NaN where a or b has one.
template <typename A, typename B>
double relative_l2(const std::vector<A>& a, const std::vector<B>& b) {
    EXPECT_EQ(a.size(), b.size());
    double difference = 0, norm = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        const double delta = double{a[i]} - double{b[i]};
        difference += delta * delta;
        norm += double{b[i]} * double{b[i]};
    }
    return std::sqrt(difference / norm);
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    EXPECT_EQ(a.size(), b.size());
    double largest = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        const double delta = std::abs(double{a[i]} - double{b[i]});
        if (!(delta <= largest)) largest = delta;  // keeps NaN
    }
    return largest;
}

// ---- block lists

struct RandomLists {
    std::vector<int32_t> count;  // [rows]
    std::vector<int32_t> index;  // [rows, columns]
};

// Rows of uneven length, some empty and one full; entries past the count are out of range.
inline RandomLists random_lists(int rows, int columns, double density, unsigned seed) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    RandomLists lists{std::vector<int32_t>(rows), std::vector<int32_t>(size_t(rows) * columns)};
    for (int row = 0; row < rows; ++row) {
        const double chance = row == 1 ? 1.0 : row % 5 == 3 ? 0.0 : 2 * density * uniform(engine);
        int32_t* index = lists.index.data() + size_t(row) * columns;
        std::fill(index, index + columns, -1000000);
        for (int column = 0; column < columns; ++column) {
            if (uniform(engine) < chance) index[lists.count[row]++] = column;
        }
    }
    return lists;
}

}  // namespace flashvsr::kernels
