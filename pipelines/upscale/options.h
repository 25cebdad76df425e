#ifndef FLASHVSR_PIPELINES_UPSCALE_OPTIONS_H_
#define FLASHVSR_PIPELINES_UPSCALE_OPTIONS_H_

#include <map>
#include <string>

namespace upscale {

/// What the user asked for. Options keep the names that they have in FlashVSR-Pro's infer.py.
struct Options {
    std::string input;
    std::string output;
    /// Properties of the element by option name ("dtype"), as typed; settings.h knows what they
    /// set.
    std::map<std::string, std::string> settings;
    std::string codec;  ///< empty: what the container is known for
    int crf = -1;       ///< -1: from `quality`
    int quality = 10;   ///< 0 to 10, as in infer.py
    bool audio = true;
    bool overwrite = false;
    bool dry_run = false;
    bool json = false;
    bool quiet = false;
};

/// Reads the command line. Prints the help and ends the program where it is asked for; throws
/// Failure (kUsage) on an unknown option (naming the nearest one) or a bad value (saying what is
/// allowed).
Options parse_options(int argc, char** argv);

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_OPTIONS_H_
