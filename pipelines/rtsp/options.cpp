#include "pipelines/rtsp/options.h"

#include <fstream>

#include "pipelines/common/access.h"
#include "pipelines/common/command_line.h"
#include "pipelines/common/exit_code.h"

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
    "  flashvsr-rtsp test --scale 2\n"
    "  flashvsr-rtsp rtsp://192.168.1.20/stream --model-dir models/FlashVSR-v1.1\n"
    "  flashvsr-rtsp /dev/video0 --caps video/x-raw,width=640,height=360,framerate=25/1\n"
    "  flashvsr-rtsp clip.mp4 --address 0.0.0.0 --auth-file users --tls-certificate cert.pem "
    "--tls-key key.pem\n"
    "\n"
    "Exit codes: 0 stopped by SIGINT or SIGTERM, 1 failed (model, encoder, port), 2 bad option or\n"
    "value, 3 no such source, 5 a GStreamer element is missing.\n";

/// What GLib writes into; it owns the strings until the program ends.
struct Raw {
    gchar* caps = nullptr;
    gchar* address = nullptr;
    gchar* path = nullptr;
    gchar* auth_file = nullptr;
    gchar* tls_certificate = nullptr;
    gchar* tls_key = nullptr;
    gchar* encoder = nullptr;
    gint port = 8554;
    gint bitrate = 0;
    gint statistics = 10;
    gboolean no_sound = FALSE, udp = FALSE, open = FALSE;
};

/// Lines of NAME:PASSWORD.
std::vector<std::pair<std::string, std::string>> read_users(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw Failure(ExitCode::kUsage, "--auth-file " + path + " cannot be read");
    std::vector<std::pair<std::string, std::string>> users;
    for (std::string line; std::getline(file, line);) {
        if (line.empty()) continue;
        const size_t colon = line.find(':');
        if (colon == std::string::npos || colon == 0 || colon + 1 == line.size()) {
            throw Failure(ExitCode::kUsage, "--auth-file " + path + " holds lines NAME:PASSWORD");
        }
        users.emplace_back(line.substr(0, colon), line.substr(colon + 1));
    }
    if (users.empty()) throw Failure(ExitCode::kUsage, "--auth-file " + path + " names nobody");
    return users;
}

std::string text(const gchar* raw) { return raw ? raw : ""; }

/// Checks what GLib does not, and moves it over.
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
    if (raw.auth_file) options->users = read_users(raw.auth_file);
    options->encoder = text(raw.encoder);
    options->bitrate = raw.bitrate;
    options->statistics_seconds = raw.statistics;
    pipelines::check_address(options->address, !options->users.empty(), raw.open, "--auth-file");
}

}  // namespace

void parse_options(int argc, char** argv, Options* options) {
    static Raw raw;
    pipelines::CommandLine line("SOURCE - upscale a live source and serve it by RTSP",
                                kDescription);
    line.add_group("Source:", {{"caps", 0, 0, G_OPTION_ARG_STRING, &raw.caps,
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
          "Who may watch: lines NAME:PASSWORD", "FILE"},
         {"open", 0, 0, G_OPTION_ARG_NONE, &raw.open,
          "Listen to everybody at an address that others reach", nullptr},
         {"tls-certificate", 0, 0, G_OPTION_ARG_FILENAME, &raw.tls_certificate,
          "Serve rtsps:// with this certificate (PEM)", "FILE"},
         {"tls-key", 0, 0, G_OPTION_ARG_FILENAME, &raw.tls_key, "Its private key (PEM)", "FILE"},
         {"statistics", 0, 0, G_OPTION_ARG_INT, &raw.statistics,
          "Seconds between two lines of figures (default 10, 0: none)", "N"}});
    const std::vector<std::string> words = line.parse(argc, argv);
    if (words.size() != 1) {
        throw Failure(ExitCode::kUsage, words.empty()
                                            ? "no source: name a URL, a camera, a file or 'test'"
                                            : "one source, please, not also '" + words[1] + "'");
    }
    options->source.place = words[0];
    take(raw, options);
}

}  // namespace rtsp
