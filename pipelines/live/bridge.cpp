// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/bridge.h"

namespace pipelines {

void use_shared_clock(GstElement* pipeline) {
    GstClock* clock = gst_system_clock_obtain();
    gst_pipeline_use_clock(GST_PIPELINE(pipeline), clock);
    gst_object_unref(clock);
}

void prepare_exit(GstAppSink* sink) {
    g_object_set(sink, "sync", TRUE, "max-buffers", 1U, "enable-last-sample", FALSE, nullptr);
}

void prepare_entry(GstAppSrc* source, guint max_buffers) {
    // Buffers come at their time. Whatever the rest of the pipeline needs, it may wait for.
    g_object_set(source, "min-latency", G_GINT64_CONSTANT(0), "max-latency", G_MAXINT64, nullptr);
    g_object_set(source, "is-live", TRUE, "format", GST_FORMAT_TIME, "max-buffers",
                 static_cast<guint64>(max_buffers), "max-bytes", G_GUINT64_CONSTANT(0),
                 "leaky-type", GST_APP_LEAKY_TYPE_DOWNSTREAM, nullptr);
}

bool is_full(GstAppSrc* source) {
    return gst_app_src_get_current_level_buffers(source) >= gst_app_src_get_max_buffers(source);
}

GstClockTime running_now(GstElement* element) {
    const GstClockTime base = gst_element_get_base_time(element);
    GstClock* clock = gst_element_get_clock(element);
    if (!clock) return GST_CLOCK_TIME_NONE;
    const GstClockTime now = gst_clock_get_time(clock);
    gst_object_unref(clock);
    return now > base ? now - base : GST_CLOCK_TIME_NONE;
}

GstClockTime crossing_time(GstSample* sample, GstAppSink* from, GstElement* to) {
    const GstBuffer* buffer = gst_sample_get_buffer(sample);
    if (GST_STATE(to) != GST_STATE_PLAYING || !GST_BUFFER_PTS_IS_VALID(buffer)) {
        return GST_CLOCK_TIME_NONE;
    }
    const GstClockTime running = gst_segment_to_running_time(
        gst_sample_get_segment(sample), GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    if (!GST_CLOCK_TIME_IS_VALID(running)) return GST_CLOCK_TIME_NONE;
    const GstClockTime left = gst_element_get_base_time(GST_ELEMENT(from)) + running +
                              gst_base_sink_get_latency(GST_BASE_SINK(from));
    const GstClockTime base = gst_element_get_base_time(to);
    return left > base ? left - base : GST_CLOCK_TIME_NONE;
}

void push_at(GstSample* sample, GstClockTime time, GstAppSrc* to) {
    // A shallow copy: the memory is shared.
    GstBuffer* buffer = gst_buffer_copy(gst_sample_get_buffer(sample));
    GST_BUFFER_PTS(buffer) = time;
    GST_BUFFER_DTS(buffer) = GST_CLOCK_TIME_NONE;
    GstSample* moved = gst_sample_new(buffer, gst_sample_get_caps(sample), nullptr, nullptr);
    gst_buffer_unref(buffer);
    gst_app_src_push_sample(to, moved);
    gst_sample_unref(moved);
}

}  // namespace pipelines
