// SPDX-License-Identifier: Apache-2.0
// Whether frames follow one another.
#pragma once

#include <gst/gst.h>

namespace flashvsr {

// Knows when the next frame is expected. `period` is that of frames, 0 while it is unknown. Not
// thread-safe.
class FrameTimes {
  public:
    // A frame with a time stamp has come.
    void observe(GstBuffer* frame, GstClockTime period);
    // The next frame is expected at no time.
    void forget() { expected_ = GST_CLOCK_TIME_NONE; }

    // True if the frame comes so far from its predecessor that the two do not belong together.
    bool follows_gap(GstBuffer* frame, GstClockTime period) const;
    // True if the event says that no frame has come for so long that those inside shall not wait
    // for one: for as long as a chunk's frames would take.
    bool falls_silent(GstEvent* event, GstClockTime period) const;

  private:
    GstClockTime distance_of(GstClockTime time) const;

    GstClockTime expected_ = GST_CLOCK_TIME_NONE;
};

}  // namespace flashvsr
