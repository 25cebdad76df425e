// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/writer.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "pipelines/upscale/encode.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

[[noreturn]] void refuse(const std::string& path) {
    throw Failure(ExitCode::kFailed, path + ": " + g_strerror(errno));
}

void write_picture(GstSample* sample, const VideoPlan& plan, Report* report, FILE* file,
                   const std::string& path) {
    VideoEncoder encoder(plan, gst_sample_get_caps(sample), {1, 25}, report);
    const auto write = [&](const AVPacket* packet) {
        const auto size = static_cast<size_t>(packet->size);
        if (fwrite(packet->data, 1, size, file) != size) refuse(path);
    };
    encoder.encode(sample, 0, 0, write);
    encoder.finish(write);
}

}  // namespace

PictureWriter::PictureWriter(std::string name, int descriptor, const VideoPlan& plan,
                             Report* report)
    : name_(std::move(name)), plan_(plan), report_(report), file_(nullptr) {
    const int copy = dup(descriptor);
    if (copy >= 0) file_ = fdopen(copy, "wb");
    if (!file_) refuse(name_);
}

PictureWriter::~PictureWriter() {
    if (file_) fclose(file_);
}

void PictureWriter::write(GstSample* sample) {
    write_picture(sample, plan_, report_, file_, name_);
}

void PictureWriter::finish(GstClockTime) {
    if (fclose(std::exchange(file_, nullptr)) != 0) refuse(name_);
}

ImageWriter::ImageWriter(Folder folder, const VideoPlan& plan, Report* report)
    : folder_(std::move(folder)), plan_(plan), report_(report) {}

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
        write_picture(sample, plan_, report_, file, name);
    } catch (...) {
        fclose(file);
        throw;
    }
    if (fclose(file) != 0) refuse(name);
}

}  // namespace upscale
