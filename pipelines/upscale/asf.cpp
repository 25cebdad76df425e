// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/asf.h"

#include <algorithm>
#include <array>
#include <vector>

extern "C" {
#include <libavutil/intreadwrite.h>
}

namespace upscale {

namespace {

using Identifier = std::array<uint8_t, 16>;

constexpr Identifier kHeader = {0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11,
                                0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c};
constexpr Identifier kData = {0x36, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11,
                              0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c};
constexpr Identifier kFileProperties = {0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11,
                                        0x8e, 0xe4, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65};

// Bytes of the object that begins there; 0: it is another one.
int64_t size_of(const ByteSource& bytes, int64_t at, const Identifier& kind) {
    uint8_t head[24];
    if (bytes.peek(at, head, sizeof head) < sizeof head) return 0;
    if (!std::equal(kind.begin(), kind.end(), head)) return 0;
    return static_cast<int64_t>(std::min<uint64_t>(AV_RL64(head + 16), INT64_MAX / 2));
}

bool is_broadcast(const ByteSource& bytes, int64_t header) {
    constexpr int64_t kLongest = 1 << 20;
    constexpr int64_t kFlags = 88;  // bytes from the beginning of the object
    std::vector<uint8_t> data(std::min(header, kLongest));
    data.resize(bytes.peek(0, data.data(), data.size()));
    const auto at =
        std::search(data.begin(), data.end(), kFileProperties.begin(), kFileProperties.end());
    return data.end() - at <= kFlags || at[kFlags] & 1;
}

}  // namespace

bool ends_within_asf_packets(const ByteSource& bytes) {
    const int64_t header = size_of(bytes, 0, kHeader);
    const int64_t data = header > 0 ? size_of(bytes, header, kData) : 0;
    return data > 0 && bytes.size() >= 0 && header + data > bytes.size() &&
           !is_broadcast(bytes, header);
}

}  // namespace upscale
