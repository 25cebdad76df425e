// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "pipelines/cli/upscaler_options.h"
#include "pipelines/live/source_pipeline.h"
#include "pipelines/rtsp/users.h"

namespace rtsp {

// What the user asked for.
struct Options {
    pipelines::SourceOptions source;
    pipelines::UpscalerOptions upscaler;
    bool sound = true;

    std::string address = "127.0.0.1";
    int port = 8554;  // 0: the system chooses
    std::string path = "/live";
    bool udp = false;  // RTP over UDP where the client asks for it; else all in the RTSP connection
    std::string tls_certificate, tls_key;  // PEM files; empty: no TLS
    Users users;                           // nobody: anybody may watch
    int max_viewers = 100;                 // sessions at the same time

    std::string encoder;          // launch line that gives H.264; empty: x264enc
    int bitrate = 0;              // kbit/s; 0: from the size and the rate
    int statistics_seconds = 10;  // between two lines; 0: none
};

// Reads the command line into `options`, which stays where it is. Prints the help and ends the
// program where it is asked for; throws Failure (kUsage) on what is wrong, and where others could
// reach the server unasked.
void parse_options(int argc, char** argv, Options* options);

}  // namespace rtsp
