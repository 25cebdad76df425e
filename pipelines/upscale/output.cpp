#include "pipelines/upscale/output.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

struct Container {
    const char* ending;
    const char* muxer;
    std::vector<std::string> codecs;  // the first is the default
};

const std::vector<Container>& containers() {
    static const std::vector<Container> list = {
        {"mp4", "mp4mux", {"h264", "h265"}},
        {"mov", "qtmux", {"h264", "h265"}},
        {"mkv", "matroskamux", {"h264", "h265", "vp9"}},
        {"webm", "webmmux", {"vp9"}},
        {"y4m", nullptr, {"raw"}},
    };
    return list;
}

template <typename Range, typename Name>
std::string joined(const Range& range, Name name) {
    std::string text;
    for (const auto& item : range) text += (text.empty() ? "" : ", ") + std::string(name(item));
    return text;
}

/// 8 and 10 bits, 4:2:0: what players play. The model's own colours are no finer.
constexpr char kPlayable[] = "video/x-raw,format=(string){I420,I420_10LE} ! ";

/// `reordered`: whether the container's muxer gets frames right that come in another order than
/// they are shown. GStreamer's mp4 muxer counts a track's length in decoding times, and its edit
/// list then cuts off the last frames of a video with a gap near its end.
std::string encoder_line(const std::string& codec, int crf, bool reordered) {
    const std::string number = std::to_string(crf);
    if (codec == "h264") {
        return kPlayable + ("x264enc name=encoder pass=qual quantizer=" + number) +
               (reordered ? "" : " bframes=0") + " ! h264parse";
    }
    if (codec == "h265") {
        return kPlayable + ("x265enc name=encoder option-string=crf=" + number) +
               (reordered ? "" : ":bframes=0") + " ! h265parse";
    }
    if (codec == "vp9") {
        // Constant quality; the bit rate is a ceiling out of the way. vp9 counts to 63, x264 to 51.
        const int level = std::min(63, crf * 63 / 51 + 5);
        return kPlayable + ("vp9enc name=encoder end-usage=cq cq-level=" + std::to_string(level)) +
               " target-bitrate=1000000000 deadline=1 cpu-used=4 row-mt=true ! vp9parse";
    }
    return "video/x-raw,format=I420 ! y4menc name=encoder";
}

bool same_file(const std::string& a, const std::string& b) {
    struct stat first {
    }, second{};
    return stat(a.c_str(), &first) == 0 && stat(b.c_str(), &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

std::string taken(gchar* text) {
    const std::string copy(text);
    g_free(text);
    return copy;
}

}  // namespace

Output::Output(const Options& options) {
    choose_file(options);
    choose_codec(options);
}

Output::~Output() { g_unlink(temporary_.c_str()); }

void Output::choose_file(const Options& options) {
    path_ = options.output;
    if (g_file_test(path_.c_str(), G_FILE_TEST_IS_DIR)) {
        const std::string name = taken(g_path_get_basename(options.input.c_str()));
        path_ = taken(g_build_filename(path_.c_str(), name.c_str(), nullptr));
    }
    const size_t dot = path_.find_last_of("./");
    ending_ = dot != std::string::npos && path_[dot] == '.' ? path_.substr(dot + 1) : "";
    std::transform(ending_.begin(), ending_.end(), ending_.begin(), g_ascii_tolower);
    if (same_file(path_, options.input)) {
        throw Failure(ExitCode::kOutput, path_ + " is the input; name another file with -o");
    }
    if (!options.overwrite && g_file_test(path_.c_str(), G_FILE_TEST_EXISTS)) {
        throw Failure(ExitCode::kOutput, path_ + " exists; --overwrite replaces it");
    }
    const std::string folder = taken(g_path_get_dirname(path_.c_str()));
    if (g_access(folder.c_str(), W_OK) != 0) {
        throw Failure(ExitCode::kOutput, folder + ": " + g_strerror(errno));
    }
    const std::string name =
        "." + taken(g_path_get_basename(path_.c_str())) + "." + std::to_string(getpid()) + ".part";
    temporary_ = taken(g_build_filename(folder.c_str(), name.c_str(), nullptr));
}

void Output::choose_codec(const Options& options) {
    const auto& known = containers();
    const auto container = std::find_if(known.begin(), known.end(),
                                        [this](const auto& c) { return ending_ == c.ending; });
    if (container == known.end()) {
        throw Failure(ExitCode::kUsage, path_ + ": the ending names the container, and is one of " +
                                            joined(known, [](const auto& c) { return c.ending; }));
    }
    codec_ = options.codec.empty() ? container->codecs.front() : options.codec;
    const auto& codecs = container->codecs;
    if (std::find(codecs.begin(), codecs.end(), codec_) == codecs.end()) {
        throw Failure(ExitCode::kUsage, "--codec is '" + codec_ + "': allowed in " + ending_ +
                                            " are " +
                                            joined(codecs, [](const auto& c) { return c; }));
    }
    muxer_ = container->muxer;
    const int from_quality = static_cast<int>(26 - options.quality * 0.6);
    encoder_ = encoder_line(codec_, options.crf >= 0 ? options.crf : from_quality,
                            ending_ == "mkv" || ending_ == "webm");
}

void Output::finish() {
    if (g_rename(temporary_.c_str(), path_.c_str()) != 0) {
        throw Failure(ExitCode::kOutput, path_ + ": " + g_strerror(errno));
    }
}

}  // namespace upscale
