#include "gst/latency.h"

#include "core/flashvsr.h"

namespace flashvsr {

void LatencyEstimate::reset() {
    set_frame_period(GST_CLOCK_TIME_NONE);
    active_ = true;
    reported_ = 0;
}

void LatencyEstimate::set_frame_period(GstClockTime period) {
    fixed_period_ = period != GST_CLOCK_TIME_NONE;
    period_ = fixed_period_ ? period : 0;
    last_pts_ = GST_CLOCK_TIME_NONE;
    compute_ = 0;
    follow_exactly_ = true;
}

void LatencyEstimate::observe_pts(GstClockTime pts) {
    if (pts == GST_CLOCK_TIME_NONE) return;
    if (!fixed_period_ && last_pts_ != GST_CLOCK_TIME_NONE && pts > last_pts_) {
        const GstClockTime step = pts - last_pts_;
        period_ = period_ == 0 ? step : (7 * period_ + step) / 8;
    }
    last_pts_ = pts;
}

void LatencyEstimate::set_compute_time(GstClockTime time) { compute_ = time; }

void LatencyEstimate::set_active(bool active) {
    follow_exactly_ = follow_exactly_ || active != active_;
    active_ = active;
}

bool LatencyEstimate::update() {
    const GstClockTime before = reported_;
    const GstClockTime now = active_ ? (FLASHVSR_FIRST_CHUNK_INPUT - 1) * period_ + compute_ : 0;
    /* Too little loses frames, too much only waits: quick to rise, slow to fall. */
    const bool moved =
        follow_exactly_ ? now != before : now > before + before / 20 || now < before - before / 4;
    if (moved) reported_ = now;
    follow_exactly_ = false;
    return moved;
}

}  // namespace flashvsr
