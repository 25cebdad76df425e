// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/encryption.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "pipelines/upscale/libav_versions.h"
#include "pipelines/upscale/transport.h"

namespace upscale {

namespace {

bool is_encrypted(const AVStream* stream) {
    const AVMediaType type = stream->codecpar->codec_type;
    if (type != AVMEDIA_TYPE_VIDEO && type != AVMEDIA_TYPE_AUDIO) return false;
    size_t size = 0;
    if (stream_side_data(stream, AV_PKT_DATA_ENCRYPTION_INIT_INFO, &size)) return true;
    const uint32_t tag = stream->codecpar->codec_tag;
    const uint32_t tags[] = {MKTAG('e', 'n', 'c', 'v'), MKTAG('e', 'n', 'c', 'a'),
                             MKTAG('d', 'r', 'm', 'i'), MKTAG('d', 'r', 'm', 's')};
    return std::find(std::begin(tags), std::end(tags), tag) != std::end(tags);
}

}  // namespace

bool is_encrypted(const AVFormatContext* file, const ByteSource& bytes) {
    for (unsigned i = 0; i < file->nb_streams; ++i) {
        if (is_encrypted(file->streams[i])) return true;
    }
    return std::strcmp(file->iformat->name, "mpegts") == 0 && is_scrambled(bytes);
}

bool is_encrypted(const AVPacket* packet) {
    return av_packet_get_side_data(packet, AV_PKT_DATA_ENCRYPTION_INFO, nullptr);
}

}  // namespace upscale
