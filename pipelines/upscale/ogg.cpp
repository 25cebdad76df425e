// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/ogg.h"

extern "C" {
#include <libavutil/crc.h>
#include <libavutil/intreadwrite.h>
}

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace upscale {

namespace {

// ---- Files that were joined ------------------------------------------------------------------

constexpr int kSerial = 14, kCheckSum = 22, kSegments = 26, kPageHead = 27;  // bytes

struct Page {
    bool begins_stream = false;
    uint32_t serial = 0;
    uint32_t check_sum = 0;
    std::string codec;  // of a stream that begins
    int64_t size = 0;
};

// False: no page begins there.
bool read_page(const ByteSource& bytes, int64_t at, Page* page) {
    constexpr size_t kMaxSegments = 255, kMark = 5;  // of a codec
    constexpr uint8_t kBeginsStream = 2;
    uint8_t head[kPageHead + kMaxSegments + kMark] = {};
    if (bytes.peek(at, head, sizeof head) < kPageHead || std::memcmp(head, "OggS", 5) != 0) {
        return false;
    }
    const uint8_t* body = head + kPageHead + head[kSegments];
    page->begins_stream = head[5] & kBeginsStream;
    page->serial = AV_RL32(head + kSerial);
    page->check_sum = AV_RB32(head + kCheckSum);
    page->codec.assign(reinterpret_cast<const char*>(body), kMark);
    page->size = std::accumulate<const uint8_t*, int64_t>(head + kPageHead, body, body - head);
    return true;
}

// The sum of the page with another serial number: the sum of the difference is the difference of
// the sums.
uint32_t check_sum_with(uint32_t serial, const Page& page) {
    std::vector<uint8_t> difference(page.size - kSerial);
    AV_WL32(difference.data(), serial ^ page.serial);
    return page.check_sum ^
           av_crc(av_crc_get_table(AV_CRC_32_IEEE), 0, difference.data(), difference.size());
}

void renumber(const Page& page, int64_t at, uint32_t serial, ByteSource::Patches* patches) {
    AV_WL32((*patches)[at + kSerial].data(), serial);
    AV_WB32((*patches)[at + kCheckSum].data(), check_sum_with(serial, page));
}

// ---- Headers ---------------------------------------------------------------------------------

bool begins_with(const AVPacket* packet, const char* text) {
    const size_t length = std::strlen(text);
    return static_cast<size_t>(packet->size) >= length &&
           std::memcmp(packet->data, text, length) == 0;
}

// Whether the bytes of a packet are in the track's head.
bool is_in_head(const AVCodecParameters* codec, const uint8_t* data, int size) {
    const uint8_t* const begin = codec->extradata;
    const uint8_t* const end = begin + codec->extradata_size;
    return std::search(begin, end, data, data + size) != end;
}

enum class Header { kNone, kNeeded, kSame, kOther, kComment };

Header theora_header(const AVPacket* packet) {
    constexpr uint8_t kHeader = 0x80, kComment = 0x81;
    if (!(packet->data[0] & kHeader)) return Header::kNone;
    return packet->data[0] == kComment ? Header::kComment : Header::kNeeded;
}

Header vorbis_header(const AVCodecParameters* codec, const AVPacket* packet) {
    constexpr uint8_t kHeader = 1, kComment = 3;
    if (!(packet->data[0] & kHeader)) return Header::kNone;
    if (packet->data[0] == kComment) return Header::kComment;
    return is_in_head(codec, packet->data, packet->size) ? Header::kSame : Header::kOther;
}

// The delay and the rate of the source, which it has too, are no matter.
Header opus_header(const AVCodecParameters* codec, const AVPacket* packet) {
    constexpr int kChannels = 9, kGain = 16;
    if (begins_with(packet, "OpusTags")) return Header::kComment;
    if (!begins_with(packet, "OpusHead")) return Header::kNone;
    const bool same =
        packet->size == codec->extradata_size && packet->size > kGain &&
        packet->data[kChannels] == codec->extradata[kChannels] &&
        std::equal(packet->data + kGain, packet->data + packet->size, codec->extradata + kGain);
    return same ? Header::kSame : Header::kOther;
}

// Rate, channels and bits of a sample have to be the same.
Header flac_header(const AVCodecParameters* codec, const AVPacket* packet) {
    constexpr uint8_t kFrame = 0xff;
    constexpr int kForm = 10, kFormSize = 3, kInfo = 17;  // bytes, of the stream's information
    if (packet->data[0] == kFrame) return Header::kNone;
    if (!begins_with(packet,
                     "\x7f"
                     "FLAC"))
        return Header::kComment;
    const bool same =
        packet->size >= kInfo + kForm + kFormSize && codec->extradata_size >= kForm + kFormSize &&
        std::memcmp(packet->data + kInfo + kForm, codec->extradata + kForm, kFormSize) == 0;
    return same ? Header::kSame : Header::kOther;
}

Header header_of(const AVCodecParameters* codec, const AVPacket* packet) {
    switch (codec->codec_id) {
        case AV_CODEC_ID_THEORA: return theora_header(packet);
        case AV_CODEC_ID_VORBIS: return vorbis_header(codec, packet);
        case AV_CODEC_ID_OPUS: return opus_header(codec, packet);
        case AV_CODEC_ID_FLAC: return flac_header(codec, packet);
        default: return Header::kNone;
    }
}

}  // namespace

ByteSource::Patches as_one_ogg(const ByteSource& bytes) {
    ByteSource::Patches patches;
    std::map<std::string, uint32_t> first;  // serial numbers in the first file, by stream
    std::map<uint32_t, uint32_t> serials;   // of this file, and what they become
    std::map<std::string, int> count;       // of each codec in this file
    bool is_first = true, is_head = true;
    Page page;
    for (int64_t at = 0; !bytes.stopped() && read_page(bytes, at, &page); at += page.size) {
        if (page.begins_stream && !is_head) {
            is_first = false;
            serials.clear();
            count.clear();
        }
        is_head = page.begins_stream;
        if (is_head) {
            const std::string stream = page.codec + std::to_string(count[page.codec]++);
            if (is_first) first[stream] = page.serial;
            if (first.count(stream)) serials[page.serial] = first[stream];
        }
        const auto known = serials.find(page.serial);
        if (known != serials.end() && known->second != page.serial) {
            renumber(page, at, known->second, &patches);
        }
    }
    return patches;
}

OggHeaders::Verdict OggHeaders::look_at(const AVFormatContext* file, const AVPacket* packet) {
    const int track = packet->stream_index;
    if (std::strcmp(file->iformat->name, "ogg") != 0 || packet->size == 0) return Verdict::kPacket;
    switch (header_of(file->streams[track]->codecpar, packet)) {
        case Header::kNeeded: return Verdict::kNeeded;
        case Header::kComment: return Verdict::kSpare;
        case Header::kSame: foreign_.erase(track); return Verdict::kSpare;
        case Header::kOther: foreign_.insert(track); return Verdict::kForeign;
        case Header::kNone: break;
    }
    return foreign_.count(track) ? Verdict::kForeign : Verdict::kPacket;
}

}  // namespace upscale
