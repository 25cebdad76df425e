// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "pipelines/upscale/colour.h"
#include "pipelines/upscale/libav.h"

namespace upscale {

// What is coded, and for how good a picture.
struct Coding {
    int width = 0;
    int height = 0;
    AVPixelFormat format = AV_PIX_FMT_NONE;
    Colour colour;
    HdrLevels levels;
    AVRational time_base = {1, 90000};
    AVRational rate = {0, 1};  // frames a second; 0: no fixed rate
    AVRational aspect = {0, 1};
    int crf = 20;  // as x264 counts: 0 the best, 51 the worst
};

// One of libavcodec's encoders and how it is driven.
struct Encoder {
    const char* codec;  // as --codec calls it
    const char* name;   // as libavcodec calls it
    // Sets it up for coding->crf and what else it needs to be told: fields of the context, and
    // options of the encoder.
    void (*configure)(const Coding& coding, AVCodecContext* context, AVDictionary** options);
    bool hardware = false;
    AVHWDeviceType device = AV_HWDEVICE_TYPE_NONE;  // in whose memory it takes frames
    std::vector<AVPixelFormat> takes = {};          // empty: what libavcodec says it does
    bool any_size = false;                          // odd sides with small chroma as well
    bool keeps_chroma = false;  // where nobody asks for a format, 4:2:2, 4:4:4 and RGB stay
    bool limited = false;       // holds no full range
    // Smallest width and height of one that cannot be opened for a trial; 0: opening tells.
    int least_side = 0;

    // This libavcodec's; null: it has none.
    const AVCodec* find() const { return avcodec_find_encoder_by_name(name); }
    // Those of frames in the host's memory; the encoder has to be there.
    std::vector<AVPixelFormat> formats() const;
};

// In the order in which they are tried: for each codec those in software first.
const std::vector<Encoder>& encoders();

// Those that --encoder and the codec name. choice: "auto" (software, hardware where there is none
// for this codec), "software", "hardware" (before software), or a name, which may be that of a
// kind (nvenc, vaapi, qsv, v4l2m2m). Throws Failure: kUsage for a name that is not known or of
// another codec, kMissing where this libavcodec has none of them.
std::vector<const Encoder*> find_encoders(const std::string& codec, const std::string& choice);

struct CloseEncoder {
    void operator()(AVCodecContext* context) const;
};
using EncoderContext = std::unique_ptr<AVCodecContext, CloseEncoder>;

// Opens the encoder. Throws Failure (kFailed) with its own words where it refuses.
EncoderContext open_encoder(const Encoder& encoder, const Coding& coding);

}  // namespace upscale
