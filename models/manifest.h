// SPDX-License-Identifier: Apache-2.0
// The names and shapes that a network's checkpoint must have.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/checkpoint/weights.h"

namespace flashvsr {

using Manifest = std::vector<std::pair<std::string, std::vector<int64_t>>>;

// Throws one Error kBadFormat that names every tensor of `weights` that is missing, mis-shaped or
// unexpected. After it, a loader may compute with what it takes.
inline void check(Weights weights, const Manifest& manifest) {
    for (const auto& [name, shape] : manifest) weights.expect(name, shape);
    weights.finish();
}

// Expects what begins with one of `prefixes`, for networks that are not wanted.
void pass_over(Weights& weights, const std::vector<std::string>& prefixes);

int64_t parameter_count(const Manifest& manifest);

// The size of one axis, for sizes that the checkpoint itself decides. Throws kBadFormat.
int64_t size_of(const Weights& weights, const std::string& name, size_t axis);

// One more than the largest N of the names `prefix`N.*; 0 when there are none.
int64_t count_of(const Weights& weights, const std::string& prefix);

}  // namespace flashvsr
