// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/options.h"

#include "pipelines/cli/command_line.h"
#include "pipelines/cli/exit_code.h"
#include "pipelines/cli/secret.h"
#include "pipelines/live/access.h"

namespace rtsp {

using pipelines::check_range;
using pipelines::ExitCode;
using pipelines::Failure;

namespace {

constexpr char kDescription[] =
    "SOURCE is a URL (rtsp://, srt://, udp://, http://), a camera (/dev/video0), a file, which is\n"
    "played over and over, or the word test.\n"
    "\n"
    "Examples:\n"
    "  $ flashvsr-rtsp test --scale 2\n"
    "  $ flashvsr-rtsp rtsp://192.168.1.20/stream --model-dir models/FlashVSR-v1.1\n"
    "  $ flashvsr-rtsp /dev/video0 --caps video/x-raw,width=640,height=360,framerate=25/1\n"
    "  $ flashvsr-rtsp clip.mp4 --address 0.0.0.0 --auth-file users --tls-certificate cert.pem "
    "--tls-key key.pem\n"
    "\n"
    "Exit codes: 0 stopped by SIGINT or SIGTERM, 1 failed (model, encoder, port), 2 bad option or\n"
    "value, 3 no such source, 5 a GStreamer element is missing.\n";

// What GLib writes into; it owns the strings until the program ends.
struct Raw {
    gchar* caps = nullptr;
    gchar* source_file = nullptr;
    gchar* address = nullptr;
    gchar* path = nullptr;
    gchar* auth_file = nullptr;
    gchar* tls_certificate = nullptr;
    gchar* tls_key = nullptr;
    gchar* encoder = nullptr;
    gint port = 8554;
    gint bitrate = 0;
    gint statistics = 10;
    gint max_viewers = 100;
    gboolean no_sound = FALSE, udp = FALSE, open = FALSE;
};

std::string text(const gchar* raw) { return raw ? raw : ""; }

// A password goes out only where nobody can read it on its way.
void check_login(const Options& options) {
    if (options.users.kind() != Users::Kind::kHashes || !options.tls_certificate.empty() ||
        pipelines::is_loopback(options.address)) {
        return;
    }
    throw Failure(
        ExitCode::kUsage,
        "with hashes in --auth-file clients send their passwords as they are, which others "
        "could read on their way to " +
            options.address + ": use --tls-certificate, or lines NAME:REALM:HA1 (docs/live.md)");
}

// Checks what GLib does not, and moves it over.
void take(const Raw& raw, Options* options) {
    check_range("--port", raw.port, 0, 65535);
    check_range("--bitrate", raw.bitrate, 0, 1000000);
    check_range("--statistics", raw.statistics, 0, 86400);
    options->source.caps = text(raw.caps);
    options->sound = !raw.no_sound;
    if (raw.address) options->address = raw.address;
    options->port = raw.port;
    if (raw.path) options->path = raw.path[0] == '/' ? raw.path : "/" + text(raw.path);
    options->udp = raw.udp;
    options->tls_certificate = text(raw.tls_certificate);
    options->tls_key = text(raw.tls_key);
    if (options->tls_certificate.empty() != options->tls_key.empty()) {
        throw Failure(ExitCode::kUsage, "--tls-certificate and --tls-key go together");
    }
    options->encoder = text(raw.encoder);
    options->bitrate = raw.bitrate;
    options->statistics_seconds = raw.statistics;
    options->max_viewers = raw.max_viewers;
    check_range("--max-viewers", raw.max_viewers, 1, 10000);
    if (raw.auth_file) options->users = Users(raw.auth_file);
    const bool anybody = options->users.kind() == Users::Kind::kNobody;
    pipelines::check_address(options->address, !anybody, raw.open, "--auth-file");
    check_login(*options);
}

}  // namespace

void parse_options(int argc, char** argv, Options* options) {
    static Raw raw;
    pipelines::CommandLine line("SOURCE - upscale a live source and serve it by RTSP",
                                kDescription);
    line.add_group("Source:", {pipelines::source_file_entry(&raw.source_file),
                               {"caps", 0, 0, G_OPTION_ARG_STRING, &raw.caps,
                                "What the camera or the test picture is to give", "CAPS"},
                               {"no-sound", 0, 0, G_OPTION_ARG_NONE, &raw.no_sound,
                                "Leave the sound out", nullptr}});
    options->upscaler.add_to(&line);
    line.add_group("Video:",
                   {{"bitrate", 0, 0, G_OPTION_ARG_INT, &raw.bitrate,
                     "Of the video (default: 0.1 bit a pixel)", "KBIT/S"},
                    {"encoder", 0, 0, G_OPTION_ARG_STRING, &raw.encoder,
                     "Launch line of an H.264 encoder (default: x264enc, set for speed)", "LINE"}});
    line.add_group(
        "Server:",
        {{"address", 0, 0, G_OPTION_ARG_STRING, &raw.address,
          "To listen at (default 127.0.0.1: nobody but this machine)", "ADDRESS"},
         {"port", 'p', 0, G_OPTION_ARG_INT, &raw.port,
          "Default 8554; with 0 the system chooses one, which is printed", "PORT"},
         {"path", 0, 0, G_OPTION_ARG_STRING, &raw.path, "Of the stream (default /live)", "PATH"},
         {"udp", 0, 0, G_OPTION_ARG_NONE, &raw.udp,
          "Allow RTP over UDP; without it all goes through the one port", nullptr},
         {"auth-file", 0, 0, G_OPTION_ARG_FILENAME, &raw.auth_file,
          "Who may watch: lines NAME:REALM:HA1 or NAME:$HASH (docs/live.md)", "FILE"},
         {"open", 0, 0, G_OPTION_ARG_NONE, &raw.open,
          "Listen to everybody at an address that others reach", nullptr},
         {"tls-certificate", 0, 0, G_OPTION_ARG_FILENAME, &raw.tls_certificate,
          "Serve rtsps:// with this certificate (PEM)", "FILE"},
         {"tls-key", 0, 0, G_OPTION_ARG_FILENAME, &raw.tls_key, "Its private key (PEM)", "FILE"},
         {"max-viewers", 0, 0, G_OPTION_ARG_INT, &raw.max_viewers, "At the same time (default 100)",
          "N"},
         {"statistics", 0, 0, G_OPTION_ARG_INT, &raw.statistics,
          "Seconds between two lines of figures (default 10, 0: none)", "N"}});
    const std::vector<std::string> words = line.parse(argc, argv);
    options->source.place = pipelines::read_place(words, raw.source_file);
    take(raw, options);
}

}  // namespace rtsp
