// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

namespace upscale {

// A span of the input's time, in nanoseconds of stream time.
struct Window {
    GstClockTime start = 0;
    GstClockTime end = GST_CLOCK_TIME_NONE;  // NONE: to the end of the input
};

}  // namespace upscale
