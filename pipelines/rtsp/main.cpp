// SPDX-License-Identifier: Apache-2.0
// flashvsr-rtsp: a live source in, the same upscaled for any number of RTSP clients.
#include <glib-unix.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "pipelines/cli/exit_code.h"
#include "pipelines/cli/launch.h"
#include "pipelines/live/access.h"
#include "pipelines/live/gstreamer_age.h"
#include "pipelines/live/process.h"
#include "pipelines/rtsp/live.h"
#include "pipelines/rtsp/options.h"
#include "pipelines/rtsp/server.h"

namespace rtsp {

namespace {

constexpr guint kTickMs = 250;

using pipelines::ExitCode;
using pipelines::Failure;

void say(const std::string& line) { std::fprintf(stderr, "flashvsr-rtsp: %s\n", line.c_str()); }

// What the main loop looks after.
struct Program {
    explicit Program(const Options& options) : live(options, say), server(options, &live, say) {}

    std::unique_ptr<GMainLoop, decltype(&g_main_loop_unref)> loop{g_main_loop_new(nullptr, FALSE),
                                                                  g_main_loop_unref};
    Live live;
    Server server;
    std::string error;

    void stop(const std::string& why) {
        error = why;
        g_main_loop_quit(loop.get());
    }
};

gboolean on_signal(gpointer program) {
    static_cast<Program*>(program)->stop({});
    return G_SOURCE_CONTINUE;
}

gboolean on_message(GstBus*, GstMessage* message, gpointer data) {
    auto* program = static_cast<Program*>(data);
    switch (GST_MESSAGE_TYPE(message)) {
        case GST_MESSAGE_ERROR: program->stop(pipelines::text_of(message)); break;
        case GST_MESSAGE_WARNING: say(pipelines::text_of(message)); break;
        case GST_MESSAGE_PROGRESS: {
            GstProgressType type = GST_PROGRESS_TYPE_ERROR;
            gst_message_parse_progress(message, &type, nullptr, nullptr);
            if (type == GST_PROGRESS_TYPE_COMPLETE) program->live.play();
            break;
        }
        case GST_MESSAGE_LATENCY:
            gst_bin_recalculate_latency(GST_BIN(program->live.pipeline()));
            break;
        default: break;
    }
    return G_SOURCE_CONTINUE;
}

gboolean on_tick(gpointer data) {
    auto* program = static_cast<Program*>(data);
    if (!program->server.listening()) {
        if (!program->live.ready()) return G_SOURCE_CONTINUE;
        try {
            program->server.listen();
        } catch (const Failure& failure) {
            program->stop(failure.what());
            return G_SOURCE_CONTINUE;
        }
        std::puts(program->server.url().c_str());
        std::fflush(stdout);
    }
    program->live.pictures()->bridge_gap();
    if (program->live.sound()) program->live.sound()->bridge_gap();
    return G_SOURCE_CONTINUE;
}

gboolean on_statistics(gpointer data) {
    auto* program = static_cast<Program*>(data);
    const pipelines::Source& source = program->live.source();
    say("clients=" + std::to_string(program->server.clients()) + " " +
        to_line(program->live.figures()) + " skipped=" + std::to_string(source.skipped()) +
        " source=" + (source.up() ? "up" : "lost") + " losses=" + std::to_string(source.losses()));
    return G_SOURCE_CONTINUE;
}

// What the user should know about who can read what.
void warn(const Options& options) {
    if (options.users.has_passwords()) {
        say("--auth-file holds passwords that can be read there; lines NAME:REALM:HA1 hide them");
    }
    if (options.tls_certificate.empty() && !pipelines::is_loopback(options.address)) {
        say("the stream can be read on its way to others; --tls-certificate hides it");
    }
}

ExitCode run(int argc, char** argv) {
    pipelines::share_memory();
    pipelines::outlive_readers();
    gst_init(nullptr, nullptr);
    Options options;
    parse_options(argc, argv, &options);
    warn(options);
    Program program(options);
    GstBus* bus = gst_element_get_bus(program.live.pipeline());
    gst_bus_add_watch(bus, on_message, &program);
    g_unix_signal_add(SIGINT, on_signal, &program);
    g_unix_signal_add(SIGTERM, on_signal, &program);
    say("loading the model");
    if (const std::string note = pipelines::note_on_gstreamer(); !note.empty()) say(note);
    program.live.load();
    g_timeout_add(kTickMs, on_tick, &program);
    if (options.statistics_seconds) {
        g_timeout_add_seconds(options.statistics_seconds, on_statistics, &program);
    }
    g_main_loop_run(program.loop.get());
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
    if (!program.error.empty()) throw Failure(ExitCode::kFailed, program.error);
    return ExitCode::kDone;
}

}  // namespace

}  // namespace rtsp

int main(int argc, char** argv) {
    std::setlocale(LC_ALL, "");
    std::setlocale(LC_NUMERIC, "C");
    try {
        return static_cast<int>(rtsp::run(argc, argv));
    } catch (const pipelines::Failure& failure) {
        std::fprintf(stderr, "flashvsr-rtsp: %s\n", failure.what());
        return static_cast<int>(failure.code());
    }
}
