// SPDX-License-Identifier: Apache-2.0
#include "gst/frame_times.h"

#include <algorithm>

#include "core/flashvsr.h"

namespace flashvsr {

void FrameTimes::observe(GstBuffer* frame, GstClockTime period) {
    expected_ = GST_BUFFER_PTS(frame) +
                (GST_BUFFER_DURATION_IS_VALID(frame) ? GST_BUFFER_DURATION(frame) : period);
}

bool FrameTimes::follows_gap(GstBuffer* frame, GstClockTime period) const {
    return GST_BUFFER_IS_DISCONT(frame) &&
           distance_of(GST_BUFFER_PTS(frame)) > std::max<GstClockTime>(GST_SECOND, 10 * period);
}

bool FrameTimes::falls_silent(GstEvent* event, GstClockTime period) const {
    if (GST_EVENT_TYPE(event) != GST_EVENT_GAP) return false;
    GstClockTime start = GST_CLOCK_TIME_NONE;
    GstClockTime duration = GST_CLOCK_TIME_NONE;
    gst_event_parse_gap(event, &start, &duration);
    const bool ends = GST_CLOCK_TIME_IS_VALID(start) && GST_CLOCK_TIME_IS_VALID(duration);
    const GstClockTime end = ends ? start + duration : start;
    return std::max(distance_of(start), distance_of(end)) >
           (period > 0 ? FLASHVSR_CHUNK * period : GST_SECOND);
}

// From the time at which the next frame is expected; 0 if either is unknown.
GstClockTime FrameTimes::distance_of(GstClockTime time) const {
    if (!GST_CLOCK_TIME_IS_VALID(time) || !GST_CLOCK_TIME_IS_VALID(expected_)) return 0;
    return time > expected_ ? time - expected_ : expected_ - time;
}

}  // namespace flashvsr
