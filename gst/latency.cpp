// SPDX-License-Identifier: Apache-2.0
#include "gst/latency.h"

#include <algorithm>

namespace flashvsr {

void LatencyEstimate::reset() {
    set_frame_period(GST_CLOCK_TIME_NONE);
    active_ = true;
    reported_ = 0;
}

void LatencyEstimate::set_frame_period(GstClockTime period) {
    fixed_period_ = period != GST_CLOCK_TIME_NONE;
    period_ = fixed_period_ ? period : 0;
    first_compute_ = later_compute_ = 0;
    last_pts_ = GST_CLOCK_TIME_NONE;
    follow_ = Follow::kAnyChange;
}

void LatencyEstimate::observe_pts(GstClockTime pts) {
    if (pts == GST_CLOCK_TIME_NONE) return;
    if (!fixed_period_ && last_pts_ != GST_CLOCK_TIME_NONE && pts > last_pts_) {
        const GstClockTime step = pts - last_pts_;
        period_ = period_ == 0 ? step : (7 * period_ + step) / 8;
    }
    last_pts_ = pts;
}

void LatencyEstimate::set_waits(int first, int later) {
    first_wait_ = first;
    later_wait_ = later;
    follow_ = Follow::kAnyChange;
}

void LatencyEstimate::set_active(bool active) {
    if (active != active_) follow_ = Follow::kAnyChange;
    active_ = active;
}

void LatencyEstimate::note_chunk(bool first, GstClockTime time) {
    (first ? first_compute_ : later_compute_) = time;
}

void LatencyEstimate::restart() {
    last_pts_ = GST_CLOCK_TIME_NONE;
    if (follow_ == Follow::kRises) follow_ = Follow::kFalls;
}

// `spare`: with an eighth more of what was measured, for what the next measurement will be.
GstClockTime LatencyEstimate::wait_for(int periods, GstClockTime compute, bool spare) const {
    const GstClockTime frames = periods * period_;
    const GstClockTime measured = compute + (fixed_period_ ? 0 : frames);
    return frames + compute + (spare ? measured / 8 : 0);
}

GstClockTime LatencyEstimate::needed(bool spare) const {
    if (!active_) return 0;
    return std::max(wait_for(first_wait_, first_compute_, spare),
                    wait_for(later_wait_, later_compute_, spare));
}

bool LatencyEstimate::update() {
    const GstClockTime before = reported_;
    const GstClockTime now = needed(/*spare=*/true);
    const bool follow = follow_ == Follow::kAnyChange || needed(/*spare=*/false) > before ||
                        (follow_ == Follow::kFalls && now < before - before / 8);
    follow_ = Follow::kRises;
    if (!follow || now == before) return false;
    reported_ = now;
    return true;
}

}  // namespace flashvsr
