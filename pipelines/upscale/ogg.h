#ifndef FLASHVSR_PIPELINES_UPSCALE_OGG_H_
#define FLASHVSR_PIPELINES_UPSCALE_OGG_H_

#include "pipelines/upscale/libav.h"

namespace upscale {

/// Where Ogg files were joined, the headers of each codec come again, among the packets and at
/// times that are none.
enum class OggHeader {
    kNone,    ///< it is a packet of sound or of a picture
    kNeeded,  ///< decoders of this codec take it from among the packets
    kSpare,   ///< nothing needs it
    kOther,   ///< nothing needs it, and it says that what follows is coded otherwise
};

OggHeader ogg_header(const AVFormatContext* file, const AVPacket* packet);

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_OGG_H_
