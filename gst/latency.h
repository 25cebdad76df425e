// SPDX-License-Identifier: Apache-2.0
// How long a frame stays in the element.
#pragma once

#include <gst/gst.h>

#include <atomic>

namespace flashvsr {

// A frame of the first chunk waits for the frames that complete it and for the computation; frames
// of later chunks likewise, but for fewer frames and a shorter computation. What is reported is the
// longer of the two. It follows facts (frame rate, start-up) at once; a computation that takes
// longer than was reported raises it at once, too, since frames that come later than announced are
// lost; it falls only when the stream starts anew, since a pipeline whose latency falls has to skip
// frames. reported() may be called by any thread, everything else by one at a time.
class LatencyEstimate {
  public:
    void reset();

    // Caps have come: period of one frame, or NONE when the frame rate is unknown or variable; it
    // is then taken from the time stamps.
    void set_frame_period(GstClockTime period);
    void observe_pts(GstClockTime pts);
    // Periods that frames of the first chunk and of later ones wait.
    void set_waits(int first, int later);
    void set_active(bool active);  // false: frames pass at once
    void note_chunk(bool first, GstClockTime time);

    // Frames start anew: forgets the last time stamp, and lets the latency fall.
    void restart();

    GstClockTime frame_period() const { return period_; }  // 0 as long as it is unknown

    // True if the reported latency has changed: a LATENCY message is due.
    bool update();
    GstClockTime reported() const { return reported_; }

  private:
    enum class Follow { kRises, kFalls, kAnyChange };

    GstClockTime wait_for(int periods, GstClockTime compute, bool spare) const;
    GstClockTime needed(bool spare) const;

    bool fixed_period_ = false;
    GstClockTime period_ = 0;
    int first_wait_ = 0;
    int later_wait_ = 0;
    GstClockTime first_compute_ = 0;  // of the newest first chunk
    GstClockTime later_compute_ = 0;  // of the newest other one
    GstClockTime last_pts_ = GST_CLOCK_TIME_NONE;
    bool active_ = true;
    Follow follow_ = Follow::kAnyChange;
    std::atomic<GstClockTime> reported_{0};
};

}  // namespace flashvsr
