// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/source.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iterator>
#include <regex>
#include <set>
#include <string_view>

#include "pipelines/cli/redact.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav.h"
#include "pipelines/upscale/paths.h"
#include "pipelines/upscale/text.h"

namespace upscale {

namespace {

constexpr char kY4m[] = "YUV4MPEG2";

bool is_image(const std::string& path) {
    static const std::set<std::string> endings = {
        "png", "jpg", "jpeg", "jpe", "jfif", "bmp", "tif", "tiff", "webp", "jp2", "j2k", "j2c",
        "jpc", "jxl", "jls",  "ppm", "pgm",  "pbm", "pnm", "pam",  "pfm",  "pcx", "qoi", "dpx",
        "exr", "hdr", "tga",  "psd", "dds",  "sgi", "ras", "sun",  "xwd",  "xbm", "xpm", "ico"};
    return endings.count(ending_of(path)) != 0;
}

bool is_video(const std::string& path) {
    static const std::set<std::string> endings = {
        "mp4",  "m4v", "mov",  "qt",   "mkv", "webm", "avi",  "divx", "y4m", "ts",   "mts",
        "m2ts", "m2t", "tp",   "trp",  "mpg", "vob",  "m2v",  "mpeg", "m1v", "wmv",  "asf",
        "flv",  "f4v", "3gp",  "3g2",  "mxf", "dv",   "ogv",  "ogm",  "rm",  "rmvb", "nut",
        "ivf",  "gif", "apng", "h264", "264", "hevc", "h265", "265",  "mj2", "wtv"};
    return endings.count(ending_of(path)) != 0;
}

std::vector<std::string> images_of(const std::vector<std::string>& files) {
    std::vector<std::string> images;
    std::copy_if(files.begin(), files.end(), std::back_inserter(images), is_image);
    return images;
}

std::vector<std::string> matching(const std::string& pattern) {
    std::string expression = std::regex_replace(
        base_name(pattern), std::regex(R"([.^$|()\[\]{}*+?\\])"), std::string(R"(\$&)"));
    expression = std::regex_replace(expression, std::regex("%0?[0-9]*d"), std::string("[0-9]+"));
    const std::regex expected(expression);
    std::vector<std::string> found;
    for (const std::string& file : files_in(folder_of(pattern))) {
        if (std::regex_match(base_name(file), expected)) found.push_back(file);
    }
    return found;
}

size_t read_some(int descriptor, const std::string& name, char* data, size_t size) {
    size_t done = 0;
    while (done < size) {
        const ssize_t count = read(descriptor, data + done, size - done);
        if (count == 0) break;
        if (count < 0 && errno != EINTR) {
            throw Failure(ExitCode::kInput, name + ": " + g_strerror(errno));
        }
        if (count > 0) done += count;
    }
    return done;
}

// APNG and WebP say so before their first picture.
bool is_animated(const std::string& path) {
    constexpr size_t kWebPFlags = 20;
    constexpr char kAnimation = 2;
    std::string head(1 << 16, 0);
    std::ifstream file(path, std::ios::binary);
    file.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(file.gcount());
    const auto has = [&head](size_t at, std::string_view mark) {
        return head.size() >= at + mark.size() && head.compare(at, mark.size(), mark) == 0;
    };
    if (has(1, "PNG")) return head.find("acTL") < head.find("IDAT");
    return head.size() > kWebPFlags && has(0, "RIFF") && has(8, "WEBPVP8X") &&
           head[kWebPFlags] & kAnimation;
}

// A file's packets of video, 2 where there are more; 0: it holds other tracks too.
int count_pictures(const std::string& path) {
    try {
        const InputFile file = open_input(path, path);
        const Packet packet = make_packet();
        std::set<int> streams;
        int most = 0;
        while (most < 2 && av_read_frame(file.get(), packet.get()) >= 0) {
            // Icons hold the same picture in several sizes, each a stream.
            most = streams.insert(packet->stream_index).second ? std::max(most, 1) : 2;
            av_packet_unref(packet.get());
        }
        for (unsigned i = 0; i < file->nb_streams; ++i) {
            if (file->streams[i]->codecpar->codec_type != AVMEDIA_TYPE_VIDEO) return 0;
        }
        return most;
    } catch (const Failure&) {
        return 0;  // which is said when the file is needed
    }
}

// From its beginning: it need not be read through the descriptor.
bool is_whole_file(int descriptor) {
    struct stat status {};
    return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
           lseek(descriptor, 0, SEEK_CUR) == 0;
}

bool is_pipe(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 &&
           (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode) || S_ISSOCK(status.st_mode));
}

// Whether what begins like this may be anything that libavformat reads.
bool is_known(const std::string& name, std::vector<char> begin) {
    const int size = static_cast<int>(begin.size());
    begin.resize(begin.size() + AVPROBE_PADDING_SIZE);
    AVProbeData probe{};
    probe.filename = name.c_str();
    probe.buf = reinterpret_cast<unsigned char*>(begin.data());
    probe.buf_size = size;
    return av_probe_input_format(&probe, 1) != nullptr;
}

// Opens a pipe that somebody writes to, or will within half a minute.
int open_pipe(const std::string& path, const std::string& name) {
    constexpr std::chrono::seconds kPatience(30);
    auto opening = std::async(std::launch::async, [&] {
        const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor < 0) throw Failure(ExitCode::kInput, name + ": " + g_strerror(errno));
        return descriptor;
    });
    const bool alone = opening.wait_for(kPatience) == std::future_status::timeout;
    // Whoever waits for a writer has one now.
    const int writer = alone ? open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    const int descriptor = opening.get();
    if (writer >= 0) close(writer);
    if (!alone) return descriptor;
    close(descriptor);
    throw Failure(ExitCode::kInput, name + ": nobody has begun to write to this pipe in 30 s");
}

}  // namespace

Source::Source(const std::string& text) : text_(text), name_(text), path_(text) {
    if (text == "-") {
        name_ = "standard input";
    } else if (text.rfind("file://", 0) == 0) {
        gchar* path = g_filename_from_uri(text.c_str(), nullptr, nullptr);
        if (!path) throw Failure(ExitCode::kInput, text + ": not the address of a file");
        path_ = path;
        g_free(path);
    } else if (is_address(text)) {
        name_ = pipelines::redacted_url(text);
        return;
    } else if (is_folder(text)) {
        use_images(images_of(files_in(text)));
    } else if (!exists(text) && is_pattern(text)) {
        use_images(matching(text));
    } else if (access(text.c_str(), R_OK) != 0) {
        throw Failure(ExitCode::kInput, text + ": " + g_strerror(errno));
    } else if (is_image(text) && !is_pipe(text) && !is_animated(text)) {
        use_images({text});
    }
}

bool Source::is_one_picture() const {
    if (kind_ == Kind::kImages) return images_.size() == 1;
    const bool file = kind_ == Kind::kFile && !is_address(path_) && !is_standard_input();
    if (!file || is_pipe(path_)) return false;
    if (!one_picture_) one_picture_ = count_pictures(path_) == 1;
    return *one_picture_;
}

void Source::load() {
    if (is_standard_input()) {
        pipe_ = STDIN_FILENO;
        if (is_whole_file(pipe_)) {
            path_ = "/proc/self/fd/0";
        } else {
            read_pipe();
        }
    } else if (kind_ == Kind::kFile && is_address(path_)) {
        fetch(path_);
    } else if (kind_ == Kind::kFile && is_pipe(path_)) {
        pipe_ = open_pipe(path_, name_);
        read_pipe();
    }
}

Source::~Source() {
    if (spool_ >= 0) close(spool_);
    if (pipe_ > STDIN_FILENO) close(pipe_);
}

void Source::use_images(const std::vector<std::string>& files) {
    if (files.empty()) throw Failure(ExitCode::kInput, name_ + ": no images there");
    const std::string ending = ending_of(files.front());
    const auto other = std::find_if(files.begin(), files.end(),
                                    [&](const auto& file) { return ending_of(file) != ending; });
    if (other != files.end()) {
        throw Failure(ExitCode::kInput, name_ + ": images of two kinds, " + ending + " and " +
                                            ending_of(*other) + "; a pattern such as %04d." +
                                            ending + " names one");
    }
    kind_ = Kind::kImages;
    images_ = files;
    path_ = files.front();
}

void Source::read_pipe() {
    head_.resize(sizeof kY4m - 1);
    head_.resize(read_some(pipe_, name_, head_.data(), head_.size()));
    if (head_ == kY4m) {
        kind_ = Kind::kPipe;
        return;
    }
    constexpr size_t kBlock = 1 << 20;  // in which libavformat has to know a file
    make_spool();
    std::vector<char> block(head_.begin(), head_.end());
    block.resize(kBlock);
    size_t count = read_some(pipe_, name_, block.data() + head_.size(), kBlock - head_.size());
    count += head_.size();
    // What never ends, as /dev/zero, would fill the disk.
    if (count == kBlock && !is_known(name_, block)) {
        throw Failure(ExitCode::kInput, name_ + " cannot be read: it is no video");
    }
    while (count > 0) {
        append(block.data(), count);
        count = read_some(pipe_, name_, block.data(), block.size());
    }
}

void Source::fetch(const std::string& url) {
    AVIOContext* stream = nullptr;
    int status = avio_open2(&stream, url.c_str(), AVIO_FLAG_READ, nullptr, nullptr);
    if (status < 0) throw Failure(ExitCode::kInput, name_ + ": " + libav_error(status));
    make_spool();
    std::vector<unsigned char> block(1 << 20);
    const int64_t expected = avio_size(stream);
    int64_t got = 0;
    while ((status = avio_read_partial(stream, block.data(), static_cast<int>(block.size()))) > 0) {
        append(reinterpret_cast<const char*>(block.data()), status);
        got += status;
    }
    avio_closep(&stream);
    if (status < 0 && status != AVERROR_EOF) {
        throw Failure(ExitCode::kInput, name_ + ": " + libav_error(status));
    }
    if (expected > 0 && got < expected) {
        throw Failure(ExitCode::kInput, name_ + ": ended after " + std::to_string(got) + " of " +
                                            std::to_string(expected) + " bytes");
    }
}

// Without a name from the start, so that nothing stays behind, whatever happens.
void Source::make_spool() {
    std::string path = joined(g_get_tmp_dir(), "flashvsr-upscale.XXXXXX");
    spool_ = mkstemp(path.data());
    if (spool_ < 0) {
        throw Failure(ExitCode::kInput,
                      path + ": " + g_strerror(errno) + "; TMPDIR names another place");
    }
    unlink(path.c_str());
    path_ = "/proc/self/fd/" + std::to_string(spool_);
}

void Source::append(const char* data, size_t size) const {
    while (size > 0) {
        const ssize_t count = write(spool_, data, size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            throw Failure(ExitCode::kInput, std::string("copy of the input in ") + g_get_tmp_dir() +
                                                ": " + g_strerror(errno) +
                                                "; TMPDIR names another place");
        }
        data += count;
        size -= count;
    }
}

std::vector<std::string> expand_inputs(const std::vector<std::string>& texts) {
    std::vector<std::string> inputs;
    for (const std::string& text : texts) {
        if (!is_folder(text)) {
            inputs.push_back(text);
            continue;
        }
        const std::vector<std::string> files = files_in(text);
        const bool images = std::any_of(files.begin(), files.end(), is_image);
        const bool videos = std::any_of(files.begin(), files.end(), is_video);
        if (images && videos) {
            throw Failure(ExitCode::kInput, text +
                                                " holds images and videos; name one kind, as in " +
                                                joined(text, "%04d.png"));
        }
        if (!images && !videos) throw Failure(ExitCode::kInput, text + ": no images, no videos");
        if (images) {
            inputs.push_back(text);
        } else {
            std::copy_if(files.begin(), files.end(), std::back_inserter(inputs), is_video);
        }
    }
    return inputs;
}

std::vector<std::string> expand_stills(const std::vector<std::string>& texts,
                                       std::vector<std::string>* left_out) {
    std::vector<std::string> inputs;
    for (const std::string& text : texts) {
        std::vector<std::string> pictures;
        if (is_folder(text)) {
            for (const std::string& file : files_in(text)) {
                (is_image(file) ? pictures : *left_out).push_back(file);
            }
        } else if (!exists(text) && !is_address(text) && is_pattern(text)) {
            pictures = matching(text);
        } else {
            pictures = {text};
        }
        if (pictures.empty()) throw Failure(ExitCode::kInput, text + ": no images there");
        inputs.insert(inputs.end(), pictures.begin(), pictures.end());
    }
    return inputs;
}

}  // namespace upscale
