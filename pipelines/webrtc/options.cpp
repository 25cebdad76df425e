// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/options.h"

#include <cstdio>

#include "pipelines/cli/command_line.h"
#include "pipelines/cli/exit_code.h"
#include "pipelines/cli/secret.h"
#include "pipelines/live/access.h"

namespace webrtc {

namespace {

using pipelines::ExitCode;
using pipelines::Failure;

constexpr char kDescription[] =
    "SOURCE is a URL (rtsp, srt, udp, http ...), a camera (/dev/video0), a file, which is played "
    "over\nand over, or \"test\".\n"
    "\n"
    "Examples:\n"
    "  $ flashvsr-webrtc pipelines/media/clip.mp4\n"
    "  $ flashvsr-webrtc rtsp://camera.example/stream --scale 2 --codec h264\n"
    "  $ flashvsr-webrtc test --address 0.0.0.0\n"
    "\n"
    "Open the address that it prints in a browser.\n";

// What GLib writes into. The command line owns the strings.
struct Raw {
    gchar* source_file = nullptr;
    gchar* caps = nullptr;
    gchar* codec = nullptr;
    gint bitrate = 0;
    gboolean no_time_code = FALSE;
    gchar* address = nullptr;
    gint port = 8080;
    gchar* token = nullptr;
    gchar* token_file = nullptr;
    gchar* tls_certificate = nullptr;
    gchar* tls_key = nullptr;
    gboolean secure_cookie = FALSE;
    gboolean open = FALSE;
    gchar** origins = nullptr;
    gint max_viewers = 8;
    gchar* media_address = nullptr;
    gchar* media_ports = nullptr;
    gchar* stun = nullptr;
    gchar* turn = nullptr;
    gchar* turn_file = nullptr;
};

std::vector<GOptionEntry> video_entries(Raw* raw) {
    return {
        pipelines::source_file_entry(&raw->source_file),
        {"caps", 0, 0, G_OPTION_ARG_STRING, &raw->caps,
         "Of the camera or the test picture (\"video/x-raw,width=640,height=360\")", "CAPS"},
        {"codec", 0, 0, G_OPTION_ARG_STRING, &raw->codec, "vp8 (default) or h264", "CODEC"},
        {"bitrate", 0, 0, G_OPTION_ARG_INT, &raw->bitrate,
         "Of the upscaled video in kbit/s (default: 0.2 bits a pixel)", "N"},
        {"no-time-code", 0, 0, G_OPTION_ARG_NONE, &raw->no_time_code,
         "Start without the time code in the picture, which tells the latency", nullptr},
    };
}

std::vector<GOptionEntry> server_entries(Raw* raw) {
    return {
        {"address", 0, 0, G_OPTION_ARG_STRING, &raw->address,
         "IP address to listen on (default 127.0.0.1)", "ADDRESS"},
        {"port", 0, 0, G_OPTION_ARG_INT, &raw->port, "To listen on (default 8080; 0: a free one)",
         "PORT"},
        {"token", 0, 0, G_OPTION_ARG_STRING, &raw->token,
         "Viewers have to bring it (default: a random one where others can reach the address)",
         "TOKEN"},
        {"token-file", 0, 0, G_OPTION_ARG_FILENAME, &raw->token_file,
         "The same from a file's first line, or from FLASHVSR_TOKEN: not seen by other users",
         "FILE"},
        {"tls-certificate", 0, 0, G_OPTION_ARG_FILENAME, &raw->tls_certificate,
         "Serve https:// with this certificate (PEM)", "FILE"},
        {"tls-key", 0, 0, G_OPTION_ARG_FILENAME, &raw->tls_key,
         "Its private key (PEM; default: in the same file)", "FILE"},
        {"secure-cookie", 0, 0, G_OPTION_ARG_NONE, &raw->secure_cookie,
         "Behind a proxy that speaks TLS: browsers send the cookie over TLS only", nullptr},
        {"open", 0, 0, G_OPTION_ARG_NONE, &raw->open, "No token: let in who can reach the address",
         nullptr},
        {"origin", 0, 0, G_OPTION_ARG_STRING_ARRAY, &raw->origins,
         "Of another page that may connect, as https://example.org; may be repeated", "ORIGIN"},
        {"max-viewers", 0, 0, G_OPTION_ARG_INT, &raw->max_viewers, "At the same time (default 8)",
         "N"},
        {"media-address", 0, 0, G_OPTION_ARG_STRING, &raw->media_address,
         "IP address that the videos are sent from (default: that of --address), or any",
         "ADDRESS"},
        {"media-ports", 0, 0, G_OPTION_ARG_STRING, &raw->media_ports,
         "UDP ports of the videos, one for each viewer, as 50000-50007 (default: any)", "RANGE"},
        {"stun", 0, 0, G_OPTION_ARG_STRING, &raw->stun, "STUN server, as stun://host:port", "URL"},
        {"turn", 0, 0, G_OPTION_ARG_STRING, &raw->turn,
         "TURN server, as turn://user:password@host:port; viewers are told the password", "URL"},
        {"turn-file", 0, 0, G_OPTION_ARG_FILENAME, &raw->turn_file,
         "The same from a file's first line, or from FLASHVSR_TURN", "FILE"},
    };
}

std::string text(const gchar* given, const char* otherwise = "") {
    return given ? given : otherwise;
}

// Does not repeat the URL, which may hold a password.
void check_url(const char* option, const std::string& url, const char* scheme, bool login,
               const char* form) {
    const bool good = url.rfind(scheme, 0) == 0 &&
                      (!login || (url.find('@') != std::string::npos &&
                                  url.find(':', url.find("://") + 3) < url.find('@')));
    if (!url.empty() && !good) {
        throw Failure(ExitCode::kUsage, std::string(option) + " is not of the form " + form);
    }
}

void take_ports(const std::string& range, Network* network) {
    char rest = 0;
    const int read =
        std::sscanf(range.c_str(), "%d-%d%c", &network->first_port, &network->last_port, &rest);
    if (read != 2 || network->first_port < 1 || network->last_port > 65535 ||
        network->first_port > network->last_port) {
        throw Failure(ExitCode::kUsage,
                      "--media-ports is '" + range + "', not a range as 50000-50007");
    }
}

void take_network(const Raw& raw, Options* options) {
    options->address = text(raw.address, "127.0.0.1");
    options->port = raw.port;
    pipelines::check_range("--port", raw.port, 0, 65535);
    options->token =
        pipelines::read_secret({"--token", raw.token, raw.token_file, "FLASHVSR_TOKEN"});
    if (options->token.empty() && !raw.open && !pipelines::is_loopback(options->address)) {
        options->token = pipelines::make_token();
    }
    options->open = raw.open;
    options->secure_cookie = raw.secure_cookie;
    options->tls_certificate = text(raw.tls_certificate);
    options->tls_key = text(raw.tls_key);
    if (options->tls_certificate.empty() && !options->tls_key.empty()) {
        throw Failure(ExitCode::kUsage, "--tls-key is of no use without --tls-certificate");
    }
    for (gchar** origin = raw.origins; origin && *origin; ++origin) {
        options->origins.emplace_back(*origin);
    }
    options->max_viewers = raw.max_viewers;
    pipelines::check_range("--max-viewers", raw.max_viewers, 1, 1000);
    options->network.stun = text(raw.stun);
    options->network.turn =
        pipelines::read_secret({"--turn", raw.turn, raw.turn_file, "FLASHVSR_TURN"});
    check_url("--stun", options->network.stun, "stun://", false, "stun://host:port");
    check_url("--turn", options->network.turn, "turn", true, "turn://user:password@host:port");
    const std::string from = text(raw.media_address, raw.address ? raw.address : "127.0.0.1");
    const bool any = from == "any" || from == "0.0.0.0" || from == "::";
    options->network.address = any ? "" : from == "localhost" ? "127.0.0.1" : from;
    if (raw.media_ports) take_ports(raw.media_ports, &options->network);
}

}  // namespace

Options parse_options(int argc, char** argv) {
    Raw raw;
    Options options;
    pipelines::CommandLine line("SOURCE - show a video and its upscaled form in a browser",
                                kDescription);
    options.upscaler.add_to(&line);
    line.add_group("Video:", video_entries(&raw));
    line.add_group("Server:", server_entries(&raw));
    const std::vector<std::string> words = line.parse(argc, argv);
    options.source.place = pipelines::read_place(words, raw.source_file);
    options.source.caps = text(raw.caps);
    options.codec = &find_codec(text(raw.codec, "vp8"));
    options.bitrate = raw.bitrate;
    if (raw.bitrate != 0) pipelines::check_range("--bitrate", raw.bitrate, 50, 200000);
    options.time_code = !raw.no_time_code;
    take_network(raw, &options);
    return options;
}

}  // namespace webrtc
