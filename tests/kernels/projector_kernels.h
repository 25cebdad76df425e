// SPDX-License-Identifier: Apache-2.0
// Stacks of time taps for the tests of what writes them.
#pragma once

#include <algorithm>

#include "kernels/temporal_im2col.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {

struct StackCase {
    Im2colShape shape;
    int taps, group;
    bool past;
};

// Both orders of frames, both numbers of taps; borders that meet.
inline std::vector<StackCase> stack_cases(int channels) {
    return {{{8, 5, 7, channels}, 4, 4, false}, {{4, 2, 3, channels}, 4, 2, false},
            {{8, 3, 1, channels}, 2, 2, false}, {{8, 5, 7, channels}, 4, 8, true},
            {{2, 1, 9, channels}, 4, 2, true},  {{6, 4, 2, channels}, 4, 6, true}};
}

inline size_t stack_size(const StackCase& c) {
    return size_t(c.shape.frames / 2) * (c.shape.height + 2) * (c.shape.width + 2) * c.taps *
           c.shape.channels;
}
inline size_t past_size(const StackCase& c) {
    return size_t(2) * c.shape.height * c.shape.width * c.shape.channels;
}

// Both from the definition. frames: [frames, height, width, channels], past: two of them.
template <typename T>
std::vector<T> expected_stack(const StackCase& c, const std::vector<T>& frames,
                              const std::vector<T>& past) {
    const Im2colShape& s = c.shape;
    std::vector<T> stack;
    for (int t = 0; t < s.frames / 2; ++t)
        for (int row = -1; row <= s.height; ++row)
            for (int column = -1; column <= s.width; ++column)
                for (int tap = 0; tap < c.taps; ++tap) {
                    int frame = c.taps == 2 ? 2 * t + tap : 2 * t - 2 + tap;
                    const int first = 2 * t / c.group * c.group;
                    const bool before = frame < first;
                    if (before && !c.past) frame += c.group;
                    const std::vector<T>& from = before && c.past ? past : frames;
                    if (before && c.past) frame += 2;
                    const int y = std::clamp(row, 0, s.height - 1);
                    const int x = std::clamp(column, 0, s.width - 1);
                    const auto pixel =
                        from.begin() + ((int64_t{frame} * s.height + y) * s.width + x) * s.channels;
                    stack.insert(stack.end(), pixel, pixel + s.channels);
                }
    return stack;
}
template <typename T>
std::vector<T> expected_past(const StackCase& c, const std::vector<T>& frames) {
    return {frames.end() - past_size(c), frames.end()};
}

}  // namespace flashvsr::kernels
