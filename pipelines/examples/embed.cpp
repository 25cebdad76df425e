// SPDX-License-Identifier: Apache-2.0
// How an application puts flashvsrupscale to work: it builds a pipeline with the element, waits for
// the model, keeps the latency right, shows what the element does, switches it off and on while it
// runs, and takes errors as they come. embed.py is the same in Python.
//
//     embed [SOURCE [SINK]]      both as gst-launch-1.0 has them; Enter switches the model off and
//     on embed 'v4l2src ! decodebin ! videoconvert' 'videoconvert ! autovideosink'
#include <glib-unix.h>
#include <gst/gst.h>

#include <csignal>
#include <cstdio>
#include <string>

namespace {

struct Application {
    GMainLoop* loop = nullptr;
    GstElement* pipeline = nullptr;
    GstElement* upscaler = nullptr;
    bool failed = false;
};

GstElement* build(const std::string& source, const std::string& sink) {
    // The model's folder comes from $FLASHVSR_MODEL_DIR, or from the property model-dir. With a
    // live source that is too fast, frames are resized without the model rather than shown late.
    const std::string line =
        source + " ! flashvsrupscale name=upscaler scale=2 overload=bicubic ! " + sink;
    GError* error = nullptr;
    GstElement* pipeline =
        gst_parse_launch_full(line.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
    if (!pipeline) {  // a mistake in the line, or an element that is not installed
        std::fprintf(stderr, "%s\n", error->message);
        g_error_free(error);
    }
    return pipeline;
}

void show_progress(Application* app, GstMessage* message) {
    GstProgressType type = GST_PROGRESS_TYPE_START;
    gchar* text = nullptr;
    gst_message_parse_progress(message, &type, nullptr, &text);
    std::printf("%s\n", text);
    g_free(text);
    // Not before: frames of a live source would wait for the model, and stay late.
    if (type == GST_PROGRESS_TYPE_COMPLETE) gst_element_set_state(app->pipeline, GST_STATE_PLAYING);
}

void update_latency(Application* app) {
    // The element knows how long a chunk takes when the first one is done. Unless the application
    // tells the sinks, a live pipeline drops what comes later than they were told at the start.
    gst_bin_recalculate_latency(GST_BIN(app->pipeline));
    GstQuery* query = gst_query_new_latency();
    if (gst_element_query(app->pipeline, query)) {
        GstClockTime latency = 0;
        gst_query_parse_latency(query, nullptr, &latency, nullptr);
        std::printf("latency: %.2f s\n", static_cast<double>(latency) / GST_SECOND);
    }
    gst_query_unref(query);
}

void show_trouble(GstMessage* message) {
    GError* error = nullptr;
    gchar* details = nullptr;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, &details);
    } else {
        gst_message_parse_warning(message, &error, &details);
    }
    // The message is for people, the details are for a report. docs/element.md has the domains and
    // codes, should the application want to act on them.
    std::fprintf(stderr, "%s: %s\n%s\n", GST_OBJECT_NAME(message->src), error->message,
                 details ? details : "");
    g_error_free(error);
    g_free(details);
}

gboolean on_message(GstBus*, GstMessage* message, gpointer data) {
    auto* app = static_cast<Application*>(data);
    switch (GST_MESSAGE_TYPE(message)) {
        case GST_MESSAGE_PROGRESS: show_progress(app, message); break;
        case GST_MESSAGE_LATENCY: update_latency(app); break;
        case GST_MESSAGE_WARNING: show_trouble(message); break;
        case GST_MESSAGE_ERROR:  // the process lives on; the pipeline can only be taken down
            show_trouble(message);
            app->failed = true;
            g_main_loop_quit(app->loop);
            break;
        case GST_MESSAGE_EOS: g_main_loop_quit(app->loop); break;
        default: break;
    }
    return G_SOURCE_CONTINUE;
}

gboolean on_second(gpointer data) {
    GstStructure* stats = nullptr;
    g_object_get(static_cast<Application*>(data)->upscaler, "stats", &stats, nullptr);
    guint64 in = 0, out = 0, replaced = 0;
    gdouble fps = 0;
    gst_structure_get(stats, "in", G_TYPE_UINT64, &in, "out", G_TYPE_UINT64, &out, "replaced",
                      G_TYPE_UINT64, &replaced, "fps", G_TYPE_DOUBLE, &fps, nullptr);
    gst_structure_free(stats);
    std::printf("%llu frames in, %llu out, %llu of them without the model, %.1f FPS\n",
                static_cast<unsigned long long>(in), static_cast<unsigned long long>(out),
                static_cast<unsigned long long>(replaced), fps);
    return G_SOURCE_CONTINUE;
}

gboolean on_enter(gint, GIOCondition, gpointer data) {
    if (std::getchar() == EOF) return G_SOURCE_REMOVE;
    GstElement* upscaler = static_cast<Application*>(data)->upscaler;
    gboolean enabled = FALSE;
    g_object_get(upscaler, "enabled", &enabled, nullptr);
    g_object_set(upscaler, "enabled", !enabled, nullptr);
    std::printf("model %s\n", enabled ? "off" : "on");
    return G_SOURCE_CONTINUE;
}

gboolean on_interrupt(gpointer data) {
    // Everything that is inside still comes out, and a file is complete.
    gst_element_send_event(static_cast<Application*>(data)->pipeline, gst_event_new_eos());
    return G_SOURCE_CONTINUE;
}

}  // namespace

int main(int argc, char** argv) {
    gst_init(&argc, &argv);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::setvbuf(stdin, nullptr, _IONBF, 0);
    Application app;
    app.pipeline =
        build(argc > 1 ? argv[1]
                       : "videotestsrc is-live=true pattern=ball ! video/x-raw,width=160,height=96,"
                         "framerate=25/1",
              argc > 2 ? argv[2] : "videoconvert ! autovideosink");
    if (!app.pipeline) return 1;
    app.upscaler = gst_bin_get_by_name(GST_BIN(app.pipeline), "upscaler");
    app.loop = g_main_loop_new(nullptr, FALSE);
    GstBus* bus = gst_element_get_bus(app.pipeline);
    gst_bus_add_watch(bus, on_message, &app);
    g_timeout_add_seconds(1, on_second, &app);
    g_unix_fd_add(0, G_IO_IN, on_enter, &app);
    g_unix_signal_add(SIGINT, on_interrupt, &app);

    gst_element_set_state(app.pipeline, GST_STATE_PAUSED);  // loads the model
    g_main_loop_run(app.loop);

    gst_element_set_state(app.pipeline, GST_STATE_NULL);
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
    gst_object_unref(app.upscaler);
    gst_object_unref(app.pipeline);
    g_main_loop_unref(app.loop);
    return app.failed ? 1 : 0;
}
