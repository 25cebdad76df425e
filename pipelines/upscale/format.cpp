#include "pipelines/upscale/format.h"

#include <algorithm>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

const std::vector<Format>& formats() {
    static const std::vector<Format> list = {
        {"mp4", "mp4", {"h264", "h265"}},
        {"mov", "mov", {"h264", "h265"}},
        {"mkv", "matroska", {"h264", "h265", "vp9"}},
        {"webm", "webm", {"vp9"}},
        {"y4m", nullptr, {"raw"}},
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

/// 8 and 10 bits, 4:2:0: what players play. The model's own colours are no finer.
constexpr char kPlayable[] = "video/x-raw,format=(string){I420,I420_10LE} ! ";

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

std::string encoder_line(const Options& options, const std::string& codec) {
    const int crf = options.crf >= 0 ? options.crf : static_cast<int>(26 - options.quality * 0.6);
    const std::string number = std::to_string(crf);
    if (codec == "h264") {
        return kPlayable + ("x264enc name=encoder pass=qual quantizer=" + number) +
               " ! h264parse ! video/x-h264,stream-format=avc,alignment=au";
    }
    if (codec == "h265") {
        return kPlayable + ("x265enc name=encoder option-string=crf=" + number) +
               " ! h265parse ! video/x-h265,stream-format=hvc1,alignment=au";
    }
    if (codec == "vp9") {
        // Constant quality; the bit rate is a ceiling out of the way. vp9 counts to 63, x264 to 51.
        const int level = std::min(63, crf * 63 / 51 + 5);
        return kPlayable + ("vp9enc name=encoder end-usage=cq cq-level=" + std::to_string(level)) +
               " target-bitrate=1000000000 deadline=1 cpu-used=4 row-mt=true ! vp9parse";
    }
    if (codec == "png") return "pngenc name=encoder";
    return "video/x-raw,format=I420 ! y4menc name=encoder";
}

}  // namespace upscale
