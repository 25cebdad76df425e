// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "pipelines/upscale/libav.h"

namespace upscale {

struct FreeTrial {
    void operator()(AVFormatContext* file) const;
};
// A file that is written into memory, to see what becomes of it.
using TrialFile = std::unique_ptr<AVFormatContext, FreeTrial>;

// Throws Failure where memory is out.
TrialFile make_trial(const AVOutputFormat* format);

// Whether the muxer takes the tracks of the file.
bool takes_tracks(AVFormatContext* file);

// mp4 and mov: what is read from the head that the muxer writes for the tracks and tags of the
// file; null: it refuses them, or knows more only when there are packets.
// keys: tags by their own names, in place of the usual fields.
InputFile head_as_read(AVFormatContext* file, bool keys = false);

}  // namespace upscale
