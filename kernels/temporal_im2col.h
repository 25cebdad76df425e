// SPDX-License-Identifier: Apache-2.0
// The input of the projector's convolutions (docs/model.md section 5.1, step 2: kernel 4 x 3 x 3,
// stride 2 x 1 x 1, borders repeated) laid out so that they are 2-D convolutions without padding:
// the frames under an output frame's kernel lie beside each other as channels,
//
//     [frames / 2][height + 2][width + 2][taps][channels]
//
// Output t of a group of `group` frames sees frames 2t - 2 to 2t + 1. In front of a group come the
// past or, without one, the group's own last two frames.
#pragma once

#include <cstdint>

#include "kernels/host_device.h"

namespace flashvsr::kernels {

struct TemporalIm2col {
    void* out = nullptr;
    // [2][height][width][channels]: read as what comes before the first frame, then replaced by the
    // last two frames. With it all frames are one group. NULL: groups stand alone.
    void* past = nullptr;
    int taps = 4;   // 2: only frames 2t and 2t + 1 of each output
    int group = 0;  // even, at least 2; divides the number of frames
};

// What is put into a stack: [frames][height][width][channels].
struct Im2colShape {
    int64_t frames = 0;
    int height = 0;
    int width = 0;
    int channels = 0;
};

// Calls body with the index of each place of [height + 2][width + 2] that shows pixel (y, x).
template <typename Body>
FLASHVSR_HOST_DEVICE void for_each_repeat(const Im2colShape& shape, int y, int x, Body body) {
    const int bottom = y == shape.height - 1 ? y + 2 : y + 1;
    const int right = x == shape.width - 1 ? x + 2 : x + 1;
    for (int row = y == 0 ? 0 : y + 1; row <= bottom; ++row)
        for (int column = x == 0 ? 0 : x + 1; column <= right; ++column)
            body(int64_t{row} * (shape.width + 2) + column);
}

// Puts what `write(T* to)` writes, the elements from `channel` on of one pixel, wherever they
// belong; move(const T* from, T* to) copies as many. Every element of the stack is reached once.
template <typename T, typename Write, typename Move>
FLASHVSR_HOST_DEVICE void put_taps(const TemporalIm2col& stack, const Im2colShape& shape,
                                   int64_t frame, int y, int x, int channel, Write write,
                                   Move move) {
    const int64_t pixel = int64_t{stack.taps} * shape.channels;
    const int64_t picture = int64_t{shape.height + 2} * (shape.width + 2) * pixel;
    const int part = static_cast<int>(frame % 2);
    T* newest = static_cast<T*>(stack.out) + frame / 2 * picture +
                int64_t{stack.taps - 2 + part} * shape.channels + channel;
    for_each_repeat(shape, y, x, [&](int64_t place) { write(newest + place * pixel); });
    if (stack.taps == 2) return;

    const int64_t next = frame / 2 + 1;
    const bool wraps = next % (stack.group / 2) == 0;
    T* older = static_cast<T*>(stack.out) + (wraps ? next - stack.group / 2 : next) * picture +
               int64_t{part} * shape.channels + channel;
    if (!wraps || !stack.past) {
        for_each_repeat(shape, y, x, [&](int64_t place) { write(older + place * pixel); });
        return;
    }
    T* past = static_cast<T*>(stack.past) +
              ((int64_t{part} * shape.height + y) * shape.width + x) * shape.channels + channel;
    for_each_repeat(shape, y, x, [&](int64_t place) { move(past, older + place * pixel); });
    write(past);
}

}  // namespace flashvsr::kernels
