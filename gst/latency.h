/* How long a frame stays in the element. */
#pragma once

#include <gst/gst.h>

#include <atomic>

namespace flashvsr {

/* The first chunk needs 25 frames, so its first frame waits 24 periods and the computation; later
 * frames wait at most 11 periods and the computation, which is less. What is reported follows
 * measurements only when they have moved by more than a small share, so that a pipeline is not
 * reconfigured for jitter. The streaming thread calls everything; reported() may be called from any
 * thread. */
class LatencyEstimate {
  public:
    void reset();

    /* Caps have come: period of one frame, or NONE when the frame rate is unknown or variable; it
     * is then taken from the time stamps. */
    void set_frame_period(GstClockTime period);
    void observe_pts(GstClockTime pts);
    void set_compute_time(GstClockTime time);
    void set_active(bool active); /* false: frames pass at once */

    /* Forgets the last time stamp, which the next one does not follow. */
    void restart() { last_pts_ = GST_CLOCK_TIME_NONE; }

    GstClockTime frame_period() const { return period_; } /* 0 as long as it is unknown */

    /* True if the reported latency has changed: a LATENCY message is due. */
    bool update();
    GstClockTime reported() const { return reported_; }

  private:
    bool fixed_period_ = false;
    GstClockTime period_ = 0;
    GstClockTime compute_ = 0;
    GstClockTime last_pts_ = GST_CLOCK_TIME_NONE;
    bool active_ = true;
    bool follow_exactly_ = true; /* not a measurement but a fact has changed */
    std::atomic<GstClockTime> reported_{0};
};

}  // namespace flashvsr
