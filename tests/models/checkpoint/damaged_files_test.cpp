// SPDX-License-Identifier: Apache-2.0
// Good files, damaged at random: each loads or is refused with an Error, and nothing else happens.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "models/checkpoint/weights.h"
#include "tests/models/checkpoint/files.h"

namespace flashvsr {
namespace {

class DamagedFiles : public testing::TestWithParam<const char*> {};

// Reads every byte of every tensor, so that a tensor that reaches out of the file is noticed.
void load(const std::string& path) {
    const Weights weights = Weights::open(path);
    for (const std::string& name : weights.names()) {
        ASSERT_TRUE(weights.shape(name).has_value());
        Weights one = weights;
        one.take(name, *weights.shape(name)).sum().item<double>();
    }
}

TEST_P(DamagedFiles, EveryTruncationIsRefused) {
    const TempFolder folder;
    const std::string good = read_file(data_file(GetParam()));
    for (size_t size = 0; size < good.size(); ++size) {
        EXPECT_ERROR(load(folder.write("cut", good.substr(0, size))), kReadFailed, "cut short");
    }
}

TEST_P(DamagedFiles, EveryMutationLoadsOrIsRefused) {
    const TempFolder folder;
    const std::string good = read_file(data_file(GetParam()));
    std::mt19937 random(20251018);
    const auto below = [&](size_t limit) { return random() % limit; };
    int loaded = 0, refused = 0;
    for (int round = 0; round < 3000; ++round) {
        std::string bytes = good;
        for (size_t changes = 1 + below(4); changes > 0; --changes) {
            const size_t at = below(bytes.size());
            const size_t size = std::min(bytes.size() - at, 1 + below(8));
            switch (below(6)) {
                case 0: bytes[at] ^= 1 << below(8); break;
                case 1: bytes[at] = static_cast<char>(random()); break;
                case 2: bytes.replace(at, size, size, '\xff'); break;
                case 3: bytes.replace(at, size, size, '\0'); break;
                case 4: bytes.replace(at, size, good, below(good.size()), size); break;
                case 5: bytes.insert(at, good, below(good.size()), size); break;
            }
        }
        const std::string path = folder.write("mutant", bytes);
        if (error_of([&] { load(path); })) {
            ++refused;
        } else {
            ++loaded;
        }
    }
    EXPECT_GT(loaded, 0);
    EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, DamagedFiles,
                         testing::Values("types.safetensors", "types.pth", "protocol5.pth",
                                         "views.pth", "state_dict.pth", "single.pth"),
                         [](const auto& info) {
                             std::string name = info.param;
                             std::replace(name.begin(), name.end(), '.', '_');
                             return name;
                         });

}  // namespace
}  // namespace flashvsr
