#include "pipelines/upscale/writer.h"

#include <unistd.h>

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

RawWriter::RawWriter(std::string name, int descriptor) : name_(std::move(name)), file_(nullptr) {
    const int copy = dup(descriptor);
    if (copy >= 0) file_ = fdopen(copy, "wb");
    if (!file_) refuse(name_);
}

RawWriter::~RawWriter() {
    if (file_) fclose(file_);
}

void RawWriter::write(GstSample* sample) { write_bytes(sample, file_, name_); }

void RawWriter::finish(GstClockTime) {
    if (fclose(std::exchange(file_, nullptr)) != 0) refuse(name_);
}

ImageWriter::ImageWriter(Folder folder) : folder_(std::move(folder)) {}

std::string ImageWriter::path_in(const std::string& folder, size_t number) {
    return joined(folder, std::to_string(number) + ".png");
}

void ImageWriter::write(GstSample* sample) {
    if (count_ >= folder_.most) return;
    const size_t number = folder_.first + count_++;
    const std::string name = folder_.name(number);
    FILE* file = fopen(path_in(folder_.path, number).c_str(), "wb");
    if (!file) refuse(name);
    try {
        write_bytes(sample, file, name);
    } catch (...) {
        fclose(file);
        throw;
    }
    if (fclose(file) != 0) refuse(name);
}

}  // namespace upscale
