// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <string>

namespace pipelines {

// What a running upscaler does, for people and pages.
struct Figures {
    double fps_in = 0, fps_out = 0;  // since the last time that somebody asked
    double latency_ms = 0;           // from a frame's arrival to its leaving
    guint64 frames_in = 0, frames_out = 0;
    guint64 dropped = 0, replaced = 0;  // frames, by the overload policy, since the start
    int waiting = 0;                    // frames inside the element
    guint64 device_memory = 0;          // bytes
};

class Statistics {
  public:
    // The pipeline outlives this.
    Statistics(GstElement* pipeline, GstElement* upscaler);

    Figures read();

  private:
    GstElement* const pipeline_;
    GstElement* const upscaler_;
    gint64 last_time_;
    guint64 last_in_ = 0, last_out_ = 0;
};

// "fps-in=25.0 fps-out=25.0 latency-ms=1240 waiting=17 dropped=0 replaced=0": one line for people
// and scripts.
std::string to_line(const Figures& figures);

}  // namespace pipelines
