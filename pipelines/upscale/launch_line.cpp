// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/launch_line.h"

#include <cmath>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

// The first frames come out when 25 have gone in, so the other branches have to be able to wait.
constexpr char kWait[] = "queue max-size-time=0 max-size-bytes=0 max-size-buffers=200 ! ";

// The compositor would have pixels square; the container gets their aspect from the input.
constexpr char kPixels[] = " ! capssetter caps=video/x-raw,pixel-aspect-ratio=1/1 ! ";

std::string size_caps(int width, int height) {
    return "video/x-raw,width=" + std::to_string(width) + ",height=" + std::to_string(height);
}

// A version of the input at the output's size, or what a pane shows of it.
std::string resized(const char* method, int width, int height) {
    return std::string("input_frames. ! ") + kWait +
           "videoscale add-borders=false method=" + method + " ! " + size_caps(width, height) +
           kPixels;
}

std::string cropped(bool split, int left, int right) {
    if (!split) return "";
    return "videocrop left=" + std::to_string(left) + " right=" + std::to_string(right) + " ! ";
}

// Where a pane stands and how large it is, so that the compositor leaves the pixels' aspect alone.
std::string place(int pane, int left, int width, int height) {
    const std::string pad = " sink_" + std::to_string(pane) + "::";
    return pad + "xpos=" + std::to_string(left) + pad + "width=" + std::to_string(width) + pad +
           "height=" + std::to_string(height);
}

// Input (nearest neighbour), bicubic and result: whole and beside each other, or a third of one
// picture each.
std::string comparison(bool split, int width, int height) {
    const int first = split ? (width / 3) & ~1 : width;
    const int second = split ? ((width * 2 / 3) & ~1) - first : width;
    const int third = split ? width - first - second : width;
    return "tee name=input_frames " + resized("nearest-neighbour", width, height) +
           cropped(split, 0, width - first) + kWait + "compare.sink_0 " +
           resized("catrom", width, height) + cropped(split, first, width - first - second) +
           kWait + "compare.sink_1 " + "input_frames. ! queue ! flashvsrupscale name=upscaler ! " +
           size_caps(width, height) + " ! videoconvert" + kPixels +
           cropped(split, first + second, 0) + kWait + "compare.sink_2 " +
           "compositor name=compare start-time-selection=first" + place(0, 0, first, height) +
           place(1, first, second, height) + place(2, first + second, third, height) + " ! ";
}

}  // namespace

int scaled(int side, double scale) { return static_cast<int>(std::lround(side * scale)); }

std::string launch_line(const Options& options, const Media& media, double scale,
                        const std::string& raw_caps) {
    if (!options.compare.empty() && media.width == 0) {
        throw Failure(ExitCode::kUsage, "--compare needs a file, not a pipe");
    }
    const std::string middle =
        options.compare.empty() ? "flashvsrupscale name=upscaler ! "
                                : comparison(options.compare == "split", scaled(media.width, scale),
                                             scaled(media.height, scale)) +
                                      "videoconvert ! ";
    return "appsrc name=source format=time block=true max-bytes=0 max-buffers=4 ! " + middle +
           raw_caps + " ! appsink name=sink sync=false max-buffers=16";
}

}  // namespace upscale
