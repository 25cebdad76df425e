// SPDX-License-Identifier: Apache-2.0
// Command line of flashvsr-upscale, a word a line; after an empty line what --config reads.
#include "pipelines/upscale/options.h"

#include <algorithm>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/settings.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gstreamer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    fuzz::start_gstreamer();
    std::vector<std::string> lines = fuzz::lines(data, size);
    const auto gap = std::find(lines.begin(), lines.end(), "");
    std::string config;
    bool help = false;
    std::for_each(gap, lines.end(), [&](const std::string& line) {
        config += line + "\n";
        help = help || line.find("help") != std::string::npos;
    });
    lines.erase(gap, lines.end());
    if (!config.empty()) lines.push_back("--config=" + fuzz::as_file(config));
    fuzz::Words words(lines);
    if (help || words.ask_for_help()) return 0;
    try {
        const upscale::Options options = upscale::parse_options(words.count(), words.pointers());
        gst_object_unref(upscale::make_upscaler(options.settings));
    } catch (const upscale::Failure&) {
    }
    return 0;
}
