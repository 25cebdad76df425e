// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/app/app.h>

#include <string>

namespace pipelines {

// A live server is several pipelines that share one clock: what can fail or come and go (a source,
// a client's encoder) is a pipeline of its own, so that nothing of it reaches the others. Buffers
// cross from an appsink in one to an appsrc in another; these functions are the two sides.

// The clock of every pipeline that buffers cross between.
void use_shared_clock(GstElement* pipeline);

// Has the sink let each buffer out at its time, the latency of its pipeline included.
void prepare_exit(GstAppSink* sink);

// Has the source take live buffers with time stamps; where its pipeline does not keep up, the
// oldest of `max_buffers` make room.
void prepare_entry(GstAppSrc* source, guint max_buffers);

// Whether the next buffer costs the oldest one its place.
bool is_full(GstAppSrc* source);

// The time at which the sample left `from`, as running time of the pipeline of `to`; so buffers
// are as evenly spaced there as their own time stamps, not as their arrival. NONE: one of the two
// pipelines is not running, or the buffer has no time.
GstClockTime crossing_time(GstSample* sample, GstAppSink* from, GstElement* to);

// Pushes the sample with this time stamp. The sample stays the caller's. Any thread.
void push_at(GstSample* sample, GstClockTime time, GstAppSrc* to);

// Running time of the pipeline of this element now; NONE: it is not running.
GstClockTime running_now(GstElement* element);

}  // namespace pipelines
