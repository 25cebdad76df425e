// SPDX-License-Identifier: Apache-2.0
#include "models/manifest.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <numeric>

#include "models/error.h"

namespace flashvsr {

void pass_over(Weights& weights, const std::vector<std::string>& prefixes) {
    for (const std::string& name : weights.names())
        for (const std::string& prefix : prefixes)
            if (name.rfind(prefix, 0) == 0) weights.expect(name, *weights.shape(name));
}

int64_t parameter_count(const Manifest& manifest) {
    int64_t count = 0;
    for (const auto& [name, shape] : manifest)
        count += std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
    return count;
}

int64_t size_of(const Weights& weights, const std::string& name, size_t axis) {
    const auto shape = weights.shape(name);
    if (!shape || shape->size() <= axis)
        throw Error(Error::Kind::kBadFormat,
                    weights.source() + ": not the expected network, " + name +
                        (shape ? " has too few axes" : " is missing") +
                        "; check that the file has not been swapped with another of the model's");
    return (*shape)[axis];
}

int64_t count_of(const Weights& weights, const std::string& prefix) {
    constexpr int64_t kMax = 4096;  // a hostile name must not make a loader run for ever
    int64_t count = 0;
    for (const std::string& name : weights.names()) {
        if (name.compare(0, prefix.size(), prefix) != 0) continue;
        int64_t index = -1;
        const char* begin = name.data() + prefix.size();
        const auto [end, error] = std::from_chars(begin, name.data() + name.size(), index);
        if (error == std::errc() && *end == '.' && index >= 0 && index < kMax)
            count = std::max(count, index + 1);
    }
    return count;
}

}  // namespace flashvsr
