// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/transport.h"

#include <vector>

namespace upscale {

namespace {

constexpr int64_t kStrides[] = {kTransportPacket, 192,
                                204};  // plain, with times before it, with check bytes

bool is_sync(const ByteSource& bytes, int64_t at) {
    uint8_t byte = 0;
    return at >= 0 && bytes.peek(at, &byte, 1) == 1 && byte == kTransportSync;
}

// The distance of the packets that follow each other there; 0: none do.
int64_t stride_at(const std::vector<uint8_t>& data, size_t at) {
    constexpr size_t kInARow = 5;
    for (const int64_t stride : kStrides) {
        size_t found = 0;
        while (found < kInARow && at + found * stride < data.size() &&
               data[at + found * stride] == kTransportSync) {
            ++found;
        }
        if (found == kInARow) return stride;
    }
    return 0;
}

}  // namespace

bool is_scrambled(const ByteSource& bytes) {
    constexpr size_t kHead = 1 << 20;
    constexpr int kNull = 0x1fff, kFirstFree = 0x20;  // identifiers of packets
    std::vector<uint8_t> data(kHead);
    data.resize(bytes.peek(0, data.data(), data.size()));
    size_t at = 0;
    int64_t stride = 0;
    while (at < data.size() && !(stride = stride_at(data, at))) ++at;
    int64_t scrambled = 0, clear = 0;
    for (; stride && at + 3 < data.size(); at += stride) {
        const int identifier = (data[at + 1] & 0x1f) << 8 | data[at + 2];
        if (data[at] != kTransportSync || identifier < kFirstFree || identifier == kNull) continue;
        ++(data[at + 3] & 0x80 ? scrambled : clear);
    }
    return scrambled > clear;
}

bool ends_within_transport_packet(const ByteSource& bytes, int64_t near_end) {
    const int64_t size = bytes.size();
    // Where times stand before the packets, a packet's place may be that of its time.
    const int64_t first = is_sync(bytes, near_end) ? near_end : near_end + 4;
    for (const int64_t stride : kStrides) {
        const int64_t last = first + (size - first) / stride * stride;
        const bool follow = is_sync(bytes, last - stride) && is_sync(bytes, last - 2 * stride);
        if (follow && is_sync(bytes, last)) return size - last < kTransportPacket;
    }
    return false;
}

}  // namespace upscale
