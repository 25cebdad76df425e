// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/video_stream.h"

#include <cstring>
#include <sstream>
#include <vector>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav_versions.h"
#include "pipelines/upscale/pixels.h"

namespace upscale {

namespace {

constexpr char kPictureTag[] = "flashvsr-picture";

template <typename Data>
void add_side_data(AVStream* stream, AVPacketSideDataType type, const Data& data) {
    size_t size = 0;
    if (stream_side_data(stream, type, &size)) return;
    uint8_t* bytes = add_stream_side_data(stream, type, sizeof data);
    if (!bytes) throw Failure(ExitCode::kFailed, "out of memory");
    std::memcpy(bytes, &data, sizeof data);
}

std::vector<AVRational*> values_of(AVMasteringDisplayMetadata* display) {
    std::vector<AVRational*> values;
    for (auto& primary : display->display_primaries) {
        for (AVRational& value : primary) values.push_back(&value);
    }
    for (AVRational& value : display->white_point) values.push_back(&value);
    values.push_back(&display->min_luminance);
    values.push_back(&display->max_luminance);
    return values;
}

}  // namespace

void keep_fitting_tag(const AVOutputFormat* format, AVCodecParameters* codec) {
    if (!format->codec_tag ||
        av_codec_get_id(format->codec_tag, codec->codec_tag) != codec->codec_id) {
        codec->codec_tag = 0;
    }
}

void set_codec(const AVOutputFormat* format, const AVCodecParameters& codec, AVStream* stream) {
    if (avcodec_parameters_copy(stream->codecpar, &codec) < 0) {
        throw Failure(ExitCode::kFailed, "out of memory");
    }
    // Some codes say more than the codec: which ProRes it is.
    unsigned known = 0;
    if (format->codec_tag && av_codec_get_tag2(format->codec_tag, codec.codec_id, &known)) {
        keep_fitting_tag(format, stream->codecpar);
    }
    const bool quicktime = !std::strcmp(format->name, "mp4") || !std::strcmp(format->name, "mov");
    if (quicktime && codec.codec_id == AV_CODEC_ID_HEVC) {
        stream->codecpar->codec_tag = MKTAG('h', 'v', 'c', '1');  // as Apple's players have it
    }
}

void add_levels(const HdrLevels& levels, AVStream* stream) {
    if (levels.display) {
        add_side_data(stream, AV_PKT_DATA_MASTERING_DISPLAY_METADATA, *levels.display);
    }
    if (levels.light) add_side_data(stream, AV_PKT_DATA_CONTENT_LIGHT_LEVEL, *levels.light);
}

void keep_picture_as_tag(const HdrLevels& levels, AVStream* part) {
    const AVCodecParameters* codec = part->codecpar;
    std::ostringstream text;
    text << codec->color_range << ' ' << codec->color_space << ' ' << codec->color_primaries << ' '
         << codec->color_trc << ' ' << codec->chroma_location << ' '
         << has_alpha(static_cast<AVPixelFormat>(codec->format)) << ' ' << levels.light.has_value()
         << ' ' << levels.display.has_value();
    if (levels.light) text << ' ' << levels.light->MaxCLL << ' ' << levels.light->MaxFALL;
    if (levels.display) {
        AVMasteringDisplayMetadata display = *levels.display;
        for (const AVRational* value : values_of(&display)) {
            text << ' ' << value->num << ' ' << value->den;
        }
    }
    av_dict_set(&part->metadata, kPictureTag, text.str().c_str(), 0);
}

void take_picture_from_tag(const AVStream* part, AVStream* stream) {
    const AVDictionaryEntry* tag = av_dict_get(part->metadata, kPictureTag, nullptr, 0);
    if (!tag) return;
    std::istringstream text(tag->value);
    int range = 0, matrix = 0, primaries = 0, transfer = 0, chroma = 0;
    bool alpha = false, light = false, display = false;
    text >> range >> matrix >> primaries >> transfer >> chroma >> alpha >> light >> display;
    AVCodecParameters* codec = stream->codecpar;
    codec->color_range = static_cast<AVColorRange>(range);
    codec->color_space = static_cast<AVColorSpace>(matrix);
    codec->color_primaries = static_cast<AVColorPrimaries>(primaries);
    codec->color_trc = static_cast<AVColorTransferCharacteristic>(transfer);
    codec->chroma_location = static_cast<AVChromaLocation>(chroma);
    if (alpha) av_dict_set(&stream->metadata, "alpha_mode", "1", 0);
    HdrLevels levels;
    if (light) {
        levels.light.emplace();
        text >> levels.light->MaxCLL >> levels.light->MaxFALL;
    }
    if (display) {
        levels.display.emplace();
        levels.display->has_primaries = levels.display->has_luminance = 1;
        for (AVRational* value : values_of(&*levels.display)) text >> value->num >> value->den;
    }
    add_levels(levels, stream);
}

}  // namespace upscale
