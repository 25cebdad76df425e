#include "pipelines/upscale/writer.h"

#include <cerrno>
#include <utility>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

[[noreturn]] void refuse(const std::string& path) {
    throw Failure(ExitCode::kFailed, path + ": " + g_strerror(errno));
}

void write_bytes(GstSample* sample, FILE* file, const std::string& path) {
    GstMapInfo map;
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) {
        throw Failure(ExitCode::kFailed, "a frame cannot be read from the encoder");
    }
    const size_t written = fwrite(map.data, 1, map.size, file);
    const bool complete = written == map.size;
    gst_buffer_unmap(buffer, &map);
    if (!complete) refuse(path);
}

}  // namespace

RawWriter::RawWriter(const std::string& path)
    : path_(path), file_(path == "-" ? stdout : fopen(path.c_str(), "wb")) {
    if (!file_) refuse(path);
}

RawWriter::~RawWriter() {
    if (file_ && file_ != stdout) fclose(file_);
}

void RawWriter::write(GstSample* sample) { write_bytes(sample, file_, path_); }

void RawWriter::finish(GstClockTime) {
    FILE* file = std::exchange(file_, nullptr);
    if ((file == stdout ? fflush(file) : fclose(file)) != 0) refuse(path_);
}

ImageWriter::ImageWriter(std::vector<std::string> names) : names_(std::move(names)) {}

void ImageWriter::write(GstSample* sample) {
    const bool pattern = names_.size() == 1 && is_pattern(names_.front());
    if (!pattern && count_ >= names_.size()) return;
    const std::string path =
        pattern ? fill_pattern(names_.front(), static_cast<int>(count_) + 1) : names_[count_];
    ++count_;
    FILE* file = fopen(path.c_str(), "wb");
    if (!file) refuse(path);
    try {
        write_bytes(sample, file, path);
    } catch (...) {
        fclose(file);
        throw;
    }
    if (fclose(file) != 0) refuse(path);
}

}  // namespace upscale
