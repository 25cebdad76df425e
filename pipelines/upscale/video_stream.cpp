#include "pipelines/upscale/video_stream.h"

#include <cstdio>
#include <cstring>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav_versions.h"

namespace upscale {

namespace {

constexpr char kColourTag[] = "flashvsr-colour";

template <typename Data>
void add_side_data(AVStream* stream, AVPacketSideDataType type, const Data& data) {
    size_t size = 0;
    if (stream_side_data(stream, type, &size)) return;
    uint8_t* bytes = add_stream_side_data(stream, type, sizeof data);
    if (!bytes) throw Failure(ExitCode::kFailed, "out of memory");
    std::memcpy(bytes, &data, sizeof data);
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

void keep_colour_as_tag(AVStream* part) {
    const AVCodecParameters* codec = part->codecpar;
    char text[64];
    std::snprintf(text, sizeof text, "%d %d %d %d %d", codec->color_range, codec->color_space,
                  codec->color_primaries, codec->color_trc, codec->chroma_location);
    av_dict_set(&part->metadata, kColourTag, text, 0);
}

void take_colour_from_tag(const AVStream* part, AVStream* stream) {
    const AVDictionaryEntry* tag = av_dict_get(part->metadata, kColourTag, nullptr, 0);
    int range = 0, matrix = 0, primaries = 0, transfer = 0, chroma = 0;
    if (!tag || std::sscanf(tag->value, "%d %d %d %d %d", &range, &matrix, &primaries, &transfer,
                            &chroma) != 5) {
        return;
    }
    AVCodecParameters* codec = stream->codecpar;
    codec->color_range = static_cast<AVColorRange>(range);
    codec->color_space = static_cast<AVColorSpace>(matrix);
    codec->color_primaries = static_cast<AVColorPrimaries>(primaries);
    codec->color_trc = static_cast<AVColorTransferCharacteristic>(transfer);
    codec->chroma_location = static_cast<AVChromaLocation>(chroma);
}

}  // namespace upscale
