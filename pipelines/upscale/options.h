// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pipelines/upscale/window.h"

namespace upscale {

// What the user asked for. Options keep the names that they have in FlashVSR-Pro's infer.py.
struct Options {
    std::vector<std::string> inputs;
    std::string output;
    // Properties of the element by option name ("dtype"), as typed; settings.h knows what they
    // set.
    std::map<std::string, std::string> settings;
    std::string format;                 // of the output; empty: by the ending of its name
    std::string codec;                  // empty: what the container is known for
    std::string encoder = "auto";       // see find_encoders()
    std::string pixel_format = "auto";  // or one of libavutil's names
    int crf = -1;                       // -1: from `quality`
    int quality = 10;                   // 0 to 10, as in infer.py
    bool stills = false;                // pictures of folders are inputs of their own
    double fps = 0;                     // of images; 0: 30
    std::string deinterlace = "auto";   // "auto", "off", "frame", "field"
    Window window;                      // --start and --end
    std::string compare;                // "side-by-side", "split"; empty: the result alone
    int preview = 0;                    // frames to show; 0: the whole video
    double part = 30;                   // seconds of a part with --resume
    bool resume = false;                // in parts; also of those on several machines:
    bool plan = false;
    int only_part = -1;  // -1: not one alone
    bool join = false;
    double lease = 60;  // seconds
    bool audio = true;
    bool overwrite = false;
    bool strict = false;  // a loss is a failure
    bool dry_run = false;
    bool json = false;
    bool quiet = false;
    bool list_models = false;
    std::string convert;  // model folder or file to repack; empty: upscale
};

// Reads the command line. Prints the help and ends the program where it is asked for; throws
// Failure (kUsage) on an unknown option (naming the nearest one) or a bad value (saying what is
// allowed).
Options parse_options(int argc, char** argv);

}  // namespace upscale
