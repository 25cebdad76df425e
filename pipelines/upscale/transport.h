// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "pipelines/upscale/byte_source.h"

namespace upscale {

inline constexpr uint8_t kTransportSync = 0x47;  // every packet begins with it
inline constexpr int kTransportPacket = 188;     // bytes

// What libavformat does not tell of the packets of an MPEG transport stream. Both look at the
// bytes of a file and are false for a pipe.

// Most packets near the beginning are scrambled.
bool is_scrambled(const ByteSource& bytes);

// The last packet is there in part. near_end: where a packet begins, the later the better. What
// follows the packets and is none (zeros, another kind of file) does not count.
bool ends_within_transport_packet(const ByteSource& bytes, int64_t near_end);

}  // namespace upscale
