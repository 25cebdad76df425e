// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>

#include "pipelines/upscale/byte_source.h"
#include "pipelines/upscale/libav.h"

namespace upscale {

// Where Ogg files were joined, the streams of the next file have other numbers, which libavformat
// takes for new streams, of which it has no idea. What makes them go on as those of the same codec
// in the first file; nothing where none were joined, and of a pipe.
ByteSource::Patches as_one_ogg(const ByteSource& bytes);

// There the headers of each codec come again, among the packets and at times that are none.
class OggHeaders {
  public:
    enum class Verdict {
        kPacket,   // of sound or of a picture
        kNeeded,   // a header that decoders of this codec take from among the packets
        kSpare,    // a header that nothing needs
        kForeign,  // its track is coded otherwise than at the beginning
    };

    Verdict look_at(const AVFormatContext* file, const AVPacket* packet);

  private:
    std::set<int> foreign_;  // tracks, at this place
};

}  // namespace upscale
