// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "pipelines/upscale/options.h"

namespace upscale {

// A form that the result can have; the ending of a file's name chooses it.
struct Format {
    const char* ending;
    const char* muxer;                // as libavformat calls it; null: a file for each picture
    std::vector<std::string> codecs;  // the first is the default

    // Sound, subtitles and all else beside the video.
    bool holds_tracks() const { return muxer && codecs.front() != "raw"; }
    // A file for each frame.
    bool holds_pictures() const { return codecs.front() == "png"; }
};

// Throws Failure (kUsage) where there is none. `name`: of the output, for the message.
const Format& format_of(const std::string& ending, const std::string& name);
bool is_format(const std::string& ending);

// The codec that the options ask for. Throws Failure (kUsage) where the format does not hold it.
std::string choose_codec(const Options& options, const Format& format);

}  // namespace upscale
