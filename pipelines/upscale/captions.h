// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <string>

#include "pipelines/upscale/libav.h"

namespace upscale {

// The closed captions that a frame carries (GstVideoCaptionMeta, CEA-708 as cc_data triplets,
// which hold CEA-608 as well); empty: none.
std::string captions_of(GstBuffer* frame);

// Puts captions into an access unit of H.264 or H.265 (start codes), as a message before the
// picture: for encoders that do not write them. cc_data: at most 31 triplets. Throws Failure where
// memory is out.
void insert_captions(AVCodecID codec, const std::string& cc_data, AVPacket* packet);

}  // namespace upscale
