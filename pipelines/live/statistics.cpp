// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/statistics.h"

#include <cstdio>

namespace pipelines {

Statistics::Statistics(GstElement* pipeline, GstElement* upscaler)
    : pipeline_(pipeline), upscaler_(upscaler), last_time_(g_get_monotonic_time()) {}

Figures Statistics::read() {
    Figures figures;
    GstStructure* stats = nullptr;
    g_object_get(upscaler_, "stats", &stats, nullptr);
    if (stats) {
        gst_structure_get(stats, "in", G_TYPE_UINT64, &figures.frames_in, "out", G_TYPE_UINT64,
                          &figures.frames_out, "dropped", G_TYPE_UINT64, &figures.dropped,
                          "replaced", G_TYPE_UINT64, &figures.replaced, "queue-depth", G_TYPE_INT,
                          &figures.waiting, "device-memory", G_TYPE_UINT64, &figures.device_memory,
                          nullptr);
        gst_structure_free(stats);
    }
    const gint64 now = g_get_monotonic_time();
    const double seconds = static_cast<double>(now - last_time_) / G_USEC_PER_SEC;
    if (seconds > 0) {
        figures.fps_in = static_cast<double>(figures.frames_in - last_in_) / seconds;
        figures.fps_out = static_cast<double>(figures.frames_out - last_out_) / seconds;
    }
    last_time_ = now;
    last_in_ = figures.frames_in;
    last_out_ = figures.frames_out;

    GstQuery* query = gst_query_new_latency();
    if (gst_element_query(pipeline_, query)) {
        GstClockTime minimum = 0;
        gst_query_parse_latency(query, nullptr, &minimum, nullptr);
        figures.latency_ms = static_cast<double>(minimum) / GST_MSECOND;
    }
    gst_query_unref(query);
    return figures;
}

std::string to_line(const Figures& figures) {
    char text[200];
    std::snprintf(text, sizeof text,
                  "fps-in=%.1f fps-out=%.1f latency-ms=%.0f waiting=%d dropped=%llu replaced=%llu",
                  figures.fps_in, figures.fps_out, figures.latency_ms, figures.waiting,
                  static_cast<unsigned long long>(figures.dropped),
                  static_cast<unsigned long long>(figures.replaced));
    return text;
}

}  // namespace pipelines
