// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "pipelines/upscale/encoders.h"
#include "pipelines/upscale/media.h"
#include "pipelines/upscale/options.h"

namespace upscale {

// How the video is coded: decided before anything is computed.
struct VideoPlan {
    const Encoder* encoder = nullptr;
    std::string pixel_format;                // one that the encoder has, or "auto"
    AVPixelFormat source = AV_PIX_FMT_NONE;  // of the input; NONE: not known yet
    AVPixelFormat format = AV_PIX_FMT_NONE;  // that is coded; NONE: decided by what comes
    int crf = 20;
    std::string icc;       // profile of all pictures; empty: none
    std::string raw_caps;  // what the encoder is to be fed with, of what the element makes
    std::vector<std::string> notes;  // what the user should know
};

// Chooses the encoder, which has opened once for this size where that is known, and its format.
// Throws Failure: kUsage for an encoder or pixel format that the codec does not have or a size
// that it does not take, kMissing where an encoder is not there or its device is not.
VideoPlan plan_video(const Options& options, const std::string& codec, const Media& media,
                     double scale);

// The format that a picture of the format `comes` is coded in.
AVPixelFormat coded_format(const VideoPlan& plan, const Encoder& encoder, AVPixelFormat comes);
// Width and height as this encoder codes a picture: even where its chroma is of half the size.
void coded_size(const Encoder& encoder, AVPixelFormat format, int* width, int* height);

}  // namespace upscale
