// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "pipelines/upscale/libav.h"

namespace upscale {

// The ICC profile that came with a picture: what its numbers look like. Empty: none.
std::string icc_profile_of(const AVFrame* frame);

// Whether it is for numbers of this kind: RGB (which YUV is shown as) or grey, not CMYK.
bool describes(const std::string& profile, AVPixelFormat format);

// Throws Failure where memory is out.
void set_icc_profile(const std::string& profile, AVFrame* frame);

// Whether the encoder, whose version may not know of profiles, wrote it into a PNG file.
bool has_icc_profile(const AVPacket* png);

}  // namespace upscale
