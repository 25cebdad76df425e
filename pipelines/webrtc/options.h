// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "pipelines/cli/upscaler_options.h"
#include "pipelines/live/source_pipeline.h"
#include "pipelines/webrtc/codec.h"
#include "pipelines/webrtc/viewer.h"

namespace webrtc {

// What the user asked for.
struct Options {
    pipelines::SourceOptions source;
    pipelines::UpscalerOptions upscaler;
    const Codec* codec = nullptr;
    int bitrate = 0;  // of the upscaled video, kbit/s; 0: by its size and rate
    bool time_code = true;

    std::string address;
    int port = 0;                      // 0: a free one
    std::string token;                 // empty: none is asked for
    std::string tls_certificate;       // PEM file; empty: HTTP without TLS
    std::string tls_key;               // PEM file; empty: it is in that of the certificate
    bool secure_cookie = false;        // a proxy speaks TLS
    bool open = false;                 // others may come without a token
    std::vector<std::string> origins;  // of pages besides our own that may connect
    int max_viewers = 0;
    Network network;
};

// Reads the command line. Prints the help and ends the program where it is asked for; throws
// Failure (kUsage) on an unknown option or a bad value.
Options parse_options(int argc, char** argv);

}  // namespace webrtc
