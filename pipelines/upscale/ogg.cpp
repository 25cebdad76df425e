#include "pipelines/upscale/ogg.h"

#include <algorithm>
#include <cstring>

namespace upscale {

namespace {

bool begins_with(const AVPacket* packet, const char* text) {
    const size_t length = std::strlen(text);
    return static_cast<size_t>(packet->size) >= length &&
           std::memcmp(packet->data, text, length) == 0;
}

OggHeader theora_header(uint8_t type) {
    constexpr uint8_t kHeader = 0x80, kComment = 0x81;
    if (!(type & kHeader)) return OggHeader::kNone;
    return type == kComment ? OggHeader::kSpare : OggHeader::kNeeded;
}

/// Those of the beginning are in the track's head, one after the other.
OggHeader vorbis_header(const AVCodecParameters* codec, const AVPacket* packet) {
    constexpr uint8_t kHeader = 1, kSetup = 5;
    if (!(packet->data[0] & kHeader)) return OggHeader::kNone;
    if (packet->data[0] != kSetup) return OggHeader::kSpare;
    const uint8_t* begin = codec->extradata;
    const uint8_t* end = begin + codec->extradata_size;
    const uint8_t* setup = packet->data;
    const bool same = std::search(begin, end, setup, setup + packet->size) != end;
    return same ? OggHeader::kSpare : OggHeader::kOther;
}

}  // namespace

OggHeader ogg_header(const AVFormatContext* file, const AVPacket* packet) {
    constexpr uint8_t kFlacFrame = 0xff;
    if (std::strcmp(file->iformat->name, "ogg") != 0 || packet->size == 0) return OggHeader::kNone;
    const AVCodecParameters* codec = file->streams[packet->stream_index]->codecpar;
    bool spare = false;
    switch (codec->codec_id) {
        case AV_CODEC_ID_THEORA: return theora_header(packet->data[0]);
        case AV_CODEC_ID_VORBIS: return vorbis_header(codec, packet);
        case AV_CODEC_ID_OPUS:
            spare = begins_with(packet, "OpusHead") || begins_with(packet, "OpusTags");
            break;
        case AV_CODEC_ID_FLAC: spare = packet->data[0] != kFlacFrame; break;
        default: break;
    }
    return spare ? OggHeader::kSpare : OggHeader::kNone;
}

}  // namespace upscale
