// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipelines/upscale/byte_source.h"

namespace upscale {

// Whether an ASF (WMV, WMA) file is shorter than its header says that its packets reach. False of
// a pipe, and of a recorded broadcast, whose header knows no sizes.
bool ends_within_asf_packets(const ByteSource& bytes);

}  // namespace upscale
