// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <string>

#include "pipelines/upscale/libav.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/video_reader.h"

namespace upscale {

// What an input says about itself. All is 0 where it comes through a pipe.
struct Media {
    int width = 0;  // of the frames as they go into the pipeline
    int height = 0;
    int fps_n = 0;
    int fps_d = 1;
    GstClockTime duration = GST_CLOCK_TIME_NONE;  // of the video
    guint64 frames = 0;                           // as the file says or the duration tells
    int audio_tracks = 0;
    int subtitles = 0;
    int chapters = 0;
    bool interlaced = false;
    AVPixelFormat pixel_format = AV_PIX_FMT_NONE;
    std::string icc;  // the first frame's profile; empty: none
    ReadPlan read;    // how its frames are read

    // Frames between two times.
    guint64 frames_between(GstClockTime start, GstClockTime end) const;
    std::string describe() const;
};

// Reads the beginning of the input and decodes its first frame. Throws Failure (kInput) where it
// cannot be read or has no video that can be decoded.
Media read_media(const Source& source, const ReadPlan& plan);

}  // namespace upscale
