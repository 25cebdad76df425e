#include "pipelines/upscale/room.h"

#include <sys/statvfs.h>

#include <string>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

/// Bytes per pixel: of 8-bit 4:2:0, and of what encoders are seldom below at the default quality.
constexpr double kRaw = 1.5, kPicture = 0.5, kEncoded = 0.01;

std::string shown(double bytes) {
    gchar* text = g_format_size(static_cast<guint64>(bytes));
    std::string copy(text);
    g_free(text);
    return copy;
}

}  // namespace

void check_room(const Destination& destination, guint64 pixels, bool in_parts, const Say& warn) {
    if (destination.is_stream() || (destination.places.empty() && !destination.numbered)) return;
    const std::string folder = folder_of(destination.numbered ? destination.numbered->at(1)
                                                              : destination.places.front().path);
    struct statvfs disk {};
    if (pixels == 0 || statvfs(folder.c_str(), &disk) != 0) return;
    const bool raw = destination.codec == "raw";
    const double each = raw ? kRaw : destination.is_pictures() ? kPicture : kEncoded;
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
