// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/captions.h"

#include <gst/video/video-anc.h>

#include <algorithm>
#include <cstring>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

constexpr size_t kTriplet = 3;
constexpr size_t kMaxTriplets = 31;  // a field of 5 bits

// Offset of the start code of the first slice; the packet's size where there is none.
size_t find_picture(AVCodecID codec, const uint8_t* data, size_t size) {
    for (size_t i = 0; i + 3 < size; ++i) {
        if (data[i] != 0 || data[i + 1] != 0 || data[i + 2] != 1) continue;
        const uint8_t head = data[i + 3];
        const bool slice = codec == AV_CODEC_ID_HEVC ? (head >> 1 & 0x3f) < 32
                                                     : (head & 0x1f) >= 1 && (head & 0x1f) <= 5;
        if (slice) return i > 0 && data[i - 1] == 0 ? i - 1 : i;
    }
    return size;
}

// The unit of type SEI with user_data_registered_itu_t_t35 as ATSC A/53 part 4 lays it out.
std::string caption_unit(AVCodecID codec, const std::string& cc_data) {
    std::string message("\xb5\x00\x31GA94\x03", 8);  // United States, ATSC, its captions
    message += static_cast<char>(0x40 | cc_data.size() / kTriplet);
    message += '\xff';
    message += cc_data + '\xff';
    std::string content("\x04", 1);
    content += static_cast<char>(message.size());
    content += message + '\x80';
    std::string unit("\0\0\0\1", 4);
    unit += codec == AV_CODEC_ID_HEVC ? std::string("\x4e\x01") : std::string("\x06");
    int zeros = 0;
    for (const char byte : content) {  // no start code within
        if (zeros == 2 && static_cast<uint8_t>(byte) <= 3) {
            unit += '\x03';
            zeros = 0;
        }
        zeros = byte == 0 ? zeros + 1 : 0;
        unit += byte;
    }
    return unit;
}

}  // namespace

std::string captions_of(GstBuffer* frame) {
    std::string data;
    gpointer state = nullptr;
    while (GstMeta* meta =
               gst_buffer_iterate_meta_filtered(frame, &state, GST_VIDEO_CAPTION_META_API_TYPE)) {
        const auto* caption = reinterpret_cast<const GstVideoCaptionMeta*>(meta);
        if (caption->caption_type != GST_VIDEO_CAPTION_TYPE_CEA708_RAW) continue;
        data.append(reinterpret_cast<const char*>(caption->data), caption->size);
    }
    data.resize(std::min(data.size() / kTriplet, kMaxTriplets) * kTriplet);
    return data;
}

void insert_captions(AVCodecID codec, const std::string& cc_data, AVPacket* packet) {
    const std::string unit = caption_unit(codec, cc_data);
    const auto old_size = static_cast<size_t>(packet->size);
    const size_t place = find_picture(codec, packet->data, old_size);
    if (av_grow_packet(packet, static_cast<int>(unit.size())) < 0 ||
        av_packet_make_writable(packet) < 0) {
        throw Failure(ExitCode::kFailed, "out of memory");
    }
    std::memmove(packet->data + place + unit.size(), packet->data + place, old_size - place);
    std::memcpy(packet->data + place, unit.data(), unit.size());
}

}  // namespace upscale
