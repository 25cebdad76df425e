// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/format.h"

#include <algorithm>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

const std::vector<Format>& formats() {
    static const std::vector<Format> list = {
        {"mp4", "mp4", {"h264", "h265", "av1"}},
        {"mov", "mov", {"h264", "h265", "prores"}},
        {"mkv", "matroska", {"h264", "h265", "vp9", "av1", "prores", "ffv1"}},
        {"webm", "webm", {"vp9", "av1"}},
        {"y4m", "yuv4mpegpipe", {"raw"}},
        {"png", nullptr, {"png"}},
    };
    return list;
}

const Format* find(const std::string& ending) {
    const auto found = std::find_if(formats().begin(), formats().end(),
                                    [&](const Format& format) { return ending == format.ending; });
    return found == formats().end() ? nullptr : &*found;
}

template <typename Range, typename Name>
std::string listed(const Range& range, Name name) {
    std::string text;
    for (const auto& item : range) text += (text.empty() ? "" : ", ") + std::string(name(item));
    return text;
}

}  // namespace

bool is_format(const std::string& ending) { return find(ending) != nullptr; }

const Format& format_of(const std::string& ending, const std::string& name) {
    const Format* format = find(ending);
    if (!format) {
        throw Failure(ExitCode::kUsage, name + ": the ending or --format names the form, one of " +
                                            listed(formats(), [](auto& f) { return f.ending; }));
    }
    return *format;
}

std::string choose_codec(const Options& options, const Format& format) {
    const auto& codecs = format.codecs;
    if (options.codec.empty()) return codecs.front();
    if (std::find(codecs.begin(), codecs.end(), options.codec) == codecs.end()) {
        throw Failure(ExitCode::kUsage, "--codec is '" + options.codec + "': allowed in " +
                                            format.ending + " are " +
                                            listed(codecs, [](auto& codec) { return codec; }));
    }
    return options.codec;
}

}  // namespace upscale
