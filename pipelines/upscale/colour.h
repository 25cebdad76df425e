// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/video/video.h>

extern "C" {
#include <libavutil/mastering_display_metadata.h>
}

#include <optional>
#include <string>

#include "pipelines/upscale/libav.h"

namespace upscale {

// What the numbers of a picture mean, in the code points of ISO/IEC 23091-2.
struct Colour {
    AVColorRange range = AVCOL_RANGE_UNSPECIFIED;
    AVColorSpace matrix = AVCOL_SPC_UNSPECIFIED;
    AVColorPrimaries primaries = AVCOL_PRI_UNSPECIFIED;
    AVColorTransferCharacteristic transfer = AVCOL_TRC_UNSPECIFIED;
    AVChromaLocation chroma = AVCHROMA_LOC_UNSPECIFIED;

    // PQ or HLG.
    bool is_hdr() const {
        return transfer == AVCOL_TRC_SMPTE2084 || transfer == AVCOL_TRC_ARIB_STD_B67;
    }
};

// As the caps say it; `info` comes from them, where nothing is left unsaid.
Colour colour_of(const GstVideoInfo& info);
void set_colour(const Colour& colour, AVCodecContext* codec);
void set_colour(const Colour& colour, AVFrame* frame);

GstVideoChromaSite chroma_site(const AVFrame* frame);

bool is_rgb(AVPixelFormat format);

// The matrix that RGB becomes YUV by, which is what players expect of a picture of this size.
AVColorSpace matrix_for(int width, int height);

// Colour of a picture of the colour `from` that is written in this format. RGB becomes YUV of
// limited range by matrix_for(); primaries and transfer always stay.
// limited: full range is not allowed.
Colour converted_colour(const Colour& from, AVPixelFormat source, AVPixelFormat target, int width,
                        int height, bool limited);

// The static levels of an HDR video.
struct HdrLevels {
    std::optional<AVMasteringDisplayMetadata> display;
    std::optional<AVContentLightMetadata> light;

    bool empty() const { return !display && !light; }
};

// Puts the levels of a decoded frame into the caps of its buffers.
void copy_levels(const AVFrame* frame, GstCaps* caps);
// Those in the caps' fields mastering-display-info and content-light-level.
HdrLevels levels_of(const GstCaps* caps);
// "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)", as x264 and x265 read.
std::string display_text(const AVMasteringDisplayMetadata& display);
std::string light_text(const AVContentLightMetadata& light);
// Gives the frame the levels as side data. Throws Failure where memory is out.
void set_levels(const HdrLevels& levels, AVFrame* frame);

}  // namespace upscale
