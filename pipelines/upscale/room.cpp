// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/room.h"

#include <sys/statvfs.h>

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <string>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

// Bytes per pixel that encoders are seldom below at the default quality.
double least_bytes(const std::string& codec) {
    if (codec == "png" || codec == "ffv1") return 0.5;
    return codec == "prores" ? 0.2 : 0.01;
}

double raw_bytes(AVPixelFormat format) {
    if (format == AV_PIX_FMT_NONE) format = AV_PIX_FMT_YUV420P;
    return av_get_padded_bits_per_pixel(av_pix_fmt_desc_get(format)) / 8.0;
}

std::string shown(double bytes) {
    gchar* text = g_format_size(static_cast<guint64>(bytes));
    std::string copy(text);
    g_free(text);
    return copy;
}

}  // namespace

void check_room(const Destination& destination, AVPixelFormat format, guint64 pixels, bool in_parts,
                const Say& warn) {
    if (destination.is_stream() || (destination.places.empty() && !destination.numbered)) return;
    const std::string folder = folder_of(destination.numbered ? destination.numbered->at(1)
                                                              : destination.places.front().path);
    struct statvfs disk {};
    if (pixels == 0 || statvfs(folder.c_str(), &disk) != 0) return;
    const bool raw = destination.codec == "raw";
    const double each = raw ? raw_bytes(format) : least_bytes(destination.codec);
    // The parts stay until they are joined.
    const double needed = static_cast<double>(pixels) * each * (in_parts ? 2 : 1);
    const double free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
    if (needed <= free) return;
    const std::string text = destination.name + " needs " + (raw ? "" : "at least about ") +
                             shown(needed) + "; " + folder + " has " + shown(free) + " free";
    if (raw) throw Failure(ExitCode::kOutput, text);
    warn(text);
}

}  // namespace upscale
