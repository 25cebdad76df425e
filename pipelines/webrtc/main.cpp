// SPDX-License-Identifier: Apache-2.0
// flashvsr-webrtc: a video and its upscaled form, side by side in a browser.
#include <glib-unix.h>
#include <gst/gst.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "pipelines/cli/exit_code.h"
#include "pipelines/live/gstreamer_age.h"
#include "pipelines/live/process.h"
#include "pipelines/webrtc/broadcast.h"
#include "pipelines/webrtc/options.h"
#include "pipelines/webrtc/server.h"
#include "pipelines/webrtc/viewer.h"

namespace webrtc {

namespace {

using pipelines::ExitCode;
using pipelines::Failure;

gboolean on_signal(gpointer loop) {
    g_main_loop_quit(static_cast<GMainLoop*>(loop));
    return G_SOURCE_CONTINUE;
}

void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

ExitCode run(int argc, char** argv) {
    pipelines::share_memory();
    pipelines::outlive_readers();
    gst_init(nullptr, nullptr);
    const Options options = parse_options(argc, argv);
    if (const std::string note = pipelines::note_on_gstreamer(); !note.empty()) {
        std::fprintf(stderr, "flashvsr-webrtc: %s\n", note.c_str());
    }
    Viewer::check_elements(*options.codec);
    // Outlives the server, which has signals and messages handled while it parts from its viewers.
    const std::unique_ptr<GMainLoop, decltype(&g_main_loop_unref)> loop{
        g_main_loop_new(nullptr, FALSE), g_main_loop_unref};
    g_unix_signal_add(SIGINT, on_signal, loop.get());
    g_unix_signal_add(SIGTERM, on_signal, loop.get());
    std::string failure;
    Broadcast broadcast(options, say);
    Server server(options, &broadcast);
    broadcast.play([&](const std::string& why) {
        failure = why;
        g_main_loop_quit(loop.get());
    });
    say("open " + server.url());
    g_main_loop_run(loop.get());
    if (!failure.empty()) throw Failure(ExitCode::kFailed, failure);
    return ExitCode::kDone;
}

}  // namespace

}  // namespace webrtc

int main(int argc, char** argv) {
    std::setlocale(LC_ALL, "");
    std::setlocale(LC_NUMERIC, "C");  // JSON has points
    try {
        return static_cast<int>(webrtc::run(argc, argv));
    } catch (const pipelines::Failure& failure) {
        std::fprintf(stderr, "flashvsr-webrtc: %s\n", failure.what());
        return static_cast<int>(failure.code());
    }
}
