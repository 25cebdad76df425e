// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipelines/upscale/byte_source.h"
#include "pipelines/upscale/libav.h"

namespace upscale {

// Whether the file says that its video or sound is encrypted: Common Encryption (cenc, cbcs) and
// its forerunners in mp4, content encryption in WebM, scrambled transport streams.
bool is_encrypted(const AVFormatContext* file, const ByteSource& bytes);

// The same of a packet, in mp4 whose head does not say it.
bool is_encrypted(const AVPacket* packet);

}  // namespace upscale
