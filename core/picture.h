// SPDX-License-Identifier: Apache-2.0
// Planes in memory as pictures for kernels.
#pragma once

#include "core/formats.h"
#include "kernels/frame.h"

namespace flashvsr {

// A picture without its size and coding. stride: bytes.
template <typename Stride>
kernels::Picture lay_out(const Format& format, void* const (&plane)[4], const Stride (&stride)[4]) {
    kernels::Picture picture;
    const bool grey = format.component[1].step == 0;
    picture.colour = format.rgb ? kernels::Picture::Colour::kRgb
                     : grey     ? kernels::Picture::Colour::kGrey
                                : kernels::Picture::Colour::kYuv;
    picture.bits = format.bits;
    picture.shift = format.shift;
    picture.sub_x = format.sub_x;
    picture.sub_y = format.sub_y;
    picture.has_alpha = format.has_alpha;
    for (int i = 0; i < 4; ++i) {
        const Format::Component& place = format.component[i];
        if (place.step == 0) continue;
        auto* data = static_cast<uint8_t*>(plane[place.plane]);
        picture.component[i] = {data + place.first * format.sample_bytes(), stride[place.plane],
                                place.step};
    }
    return picture;
}

}  // namespace flashvsr
