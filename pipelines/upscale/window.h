#ifndef FLASHVSR_PIPELINES_UPSCALE_WINDOW_H_
#define FLASHVSR_PIPELINES_UPSCALE_WINDOW_H_

#include <gst/gst.h>

namespace upscale {

/// A span of the input's time, in nanoseconds of stream time.
struct Window {
    GstClockTime start = 0;
    GstClockTime end = GST_CLOCK_TIME_NONE;  ///< NONE: to the end of the input
};

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_WINDOW_H_
