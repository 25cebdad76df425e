// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "pipelines/upscale/libav.h"

namespace upscale {

// How the pixels have to be turned to be upright.
struct Orientation {
    std::string filter;        // of libavfilter; empty: not at all
    bool turns_sides = false;  // width becomes height
    bool is_exact = true;      // false: by an angle between, which is left as it is
};

// As the container says; nothing: it does not.
std::optional<Orientation> orientation_of(const AVStream* stream);
// As the frame itself says: EXIF of a picture, or the codec.
Orientation orientation_of(const AVFrame* frame);

}  // namespace upscale
