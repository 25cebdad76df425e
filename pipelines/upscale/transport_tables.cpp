// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/transport_tables.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <iterator>

extern "C" {
#include <libavutil/crc.h>
#include <libavutil/intreadwrite.h>
}

#include "pipelines/upscale/transport.h"

namespace upscale {

namespace {

constexpr uint8_t kProgramMap = 2;
constexpr int kSectionHead = 12, kCheck = 4;

// Stream types that mean the same codec become one. Private data say it by a descriptor.
int form_of(int type, const uint8_t* descriptors, int size) {
    constexpr int kPrivate = 6;
    if (type == 1 || type == 3) return type + 1;  // MPEG-1 and MPEG-2
    for (int at = 0; type == kPrivate && at + 2 <= size; at += 2 + descriptors[at + 1]) {
        switch (descriptors[at]) {
            case 0x6a: return 0x81;  // AC-3
            case 0x7a: return 0x87;  // E-AC-3
            case 0x7b:
            case 0x56:
            case 0x59: return descriptors[at] << 8;  // DTS, teletext, subtitles
            default: break;
        }
    }
    return type;
}

}  // namespace

void TransportTables::hear(int64_t place, const uint8_t* data, size_t size) {
    if (place != end_) {
        rest_.clear();
        for (auto& [stream, forms] : streams_) forms.latest = 0;
    }
    end_ = place + static_cast<int64_t>(size);
    rest_.insert(rest_.end(), data, data + size);
    if (rest_.size() < kTransportPacket) return;
    const uint8_t* const begin = rest_.data();
    const uint8_t* const last = begin + rest_.size() - kTransportPacket;
    const int64_t first_place = end_ - static_cast<int64_t>(rest_.size());
    for (const uint8_t* at = begin; at <= last; ++at) {
        at = static_cast<const uint8_t*>(std::memchr(at, kTransportSync, last + 1 - at));
        if (!at) break;
        see_packet(at, first_place + (at - begin));
    }
    rest_.erase(rest_.begin(), rest_.end() - (kTransportPacket - 1));
}

// A table that is whole in a packet; its check sum tells it from anything else.
void TransportTables::see_packet(const uint8_t* packet, int64_t place) {
    const bool begins = packet[1] & 0x40, has_more = packet[3] & 0x20;
    if (!begins || !(packet[3] & 0x10)) return;
    const int head = has_more ? 5 + packet[4] : 4;
    if (head + 1 >= kTransportPacket) return;
    const int first = head + 1 + packet[head];
    if (first + kSectionHead > kTransportPacket || packet[first] != kProgramMap) return;
    const int size = 3 + (AV_RB16(packet + first + 1) & 0xfff);
    if (first + size > kTransportPacket || size < kSectionHead + kCheck) return;
    const AVCRC* table = av_crc_get_table(AV_CRC_32_IEEE);
    if (table && av_crc(table, UINT32_MAX, packet + first, size) == 0) {
        see_section(packet + first, size - kCheck, place);
    }
}

void TransportTables::see_section(const uint8_t* section, int size, int64_t place) {
    constexpr int kEntry = 5;
    const bool is_current = section[5] & 1;
    if (!is_current) return;
    int at = kSectionHead + (AV_RB16(section + 10) & 0xfff);
    while (at + kEntry <= size) {
        const int length = AV_RB16(section + at + 3) & 0xfff;
        const int known = std::min(length, size - at - kEntry);
        see_form(AV_RB16(section + 3), AV_RB16(section + at + 1) & 0x1fff,
                 form_of(section[at], section + at + kEntry, known), place);
        at += kEntry + length;
    }
}

void TransportTables::see_form(int program, int stream_id, int form, int64_t place) {
    Forms& forms = streams_[{stream_id, program}];
    if (forms.latest != form) forms.from[place] = form;
    forms.latest = form;
}

bool TransportTables::is_other(int stream_id, int64_t place) const {
    for (auto it = streams_.lower_bound({stream_id, INT_MIN});
         it != streams_.end() && it->first.first == stream_id; ++it) {
        const auto& from = it->second.from;
        const auto after = from.upper_bound(place);
        if (after != from.begin() && std::prev(after)->second != from.begin()->second) return true;
    }
    return false;
}

}  // namespace upscale
