// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/progress.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <utility>

#include "pipelines/upscale/text.h"

namespace upscale {

namespace {

// 75 s is "1:15".
std::string clock(double seconds) {
    const auto whole = static_cast<long>(std::ceil(seconds));
    char text[32];
    if (whole >= 3600) {
        std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60,
                      whole % 60);
    } else {
        std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
    }
    return text;
}

// What the last line has besides.
std::string json_end(const std::string& output, const Report& report) {
    std::string losses;
    for (const Loss& loss : report.losses()) {
        losses += losses.empty() ? "" : ", ";
        losses +=
            "{\"kind\": " + json_string(loss.kind) + ", \"text\": " + json_string(loss.text) + "}";
    }
    const std::string path = output.empty() ? "" : ", \"output\": " + json_string(output);
    return path + ", \"losses\": [" + losses + "]";
}

}  // namespace

Progress::Progress(const Options& options, std::string name)
    : name_(std::move(name)),
      json_(options.json),
      line_(!options.json && !options.quiet && isatty(2)),
      quiet_(options.quiet) {}

// The rate of this run, without what was done before it.
double Progress::fps(guint64 frames) {
    const gint64 now = g_get_monotonic_time();
    if (frames > done_before_ && first_time_ == 0) {
        first_time_ = now;
        first_frames_ = frames;
    }
    if (first_time_ == 0 || frames <= first_frames_ || now == first_time_) return 0;
    return static_cast<double>(frames - first_frames_) * G_USEC_PER_SEC /
           static_cast<double>(now - first_time_);
}

void Progress::show(guint64 frames, guint64 memory) {
    frames += done_before_;
    if (json_) print_json("running", frames, memory, {});
    if (line_) print_line(frames, memory);
}

void Progress::print_line(guint64 frames, guint64 memory) {
    const std::lock_guard<std::mutex> lock(line_mutex_);
    const double rate = fps(frames);
    std::fprintf(stderr, "\r\033[K%llu", static_cast<unsigned long long>(frames));
    if (total_) std::fprintf(stderr, "/%llu", static_cast<unsigned long long>(total_));
    std::fputs(" frames", stderr);
    if (rate > 0) std::fprintf(stderr, "  %.1f FPS", rate);
    if (rate > 0 && total_ > frames) {
        std::fprintf(stderr, "  %s left",
                     clock(static_cast<double>(total_ - frames) / rate).c_str());
    }
    if (memory) std::fprintf(stderr, "  %.1f GB", static_cast<double>(memory) / 1e9);
    std::fflush(stderr);
    line_shown_ = true;
}

void Progress::print_json(const char* state, guint64 frames, guint64 memory,
                          const std::string& more) {
    const double rate = fps(frames);
    std::printf("{\"state\": \"%s\", \"input\": %s, \"frames\": %llu", state,
                json_string(name_).c_str(), static_cast<unsigned long long>(frames));
    if (total_) std::printf(", \"total\": %llu", static_cast<unsigned long long>(total_));
    std::printf(", \"fps\": %.3f", rate);
    if (rate > 0 && total_ > frames) {
        std::printf(", \"seconds_left\": %.1f", static_cast<double>(total_ - frames) / rate);
    }
    if (memory) std::printf(", \"device_memory\": %llu", static_cast<unsigned long long>(memory));
    std::printf("%s}\n", more.c_str());
    std::fflush(stdout);
}

void Progress::clear_line() {
    if (line_shown_) std::fputs("\r\033[K", stderr);
    line_shown_ = false;
}

void Progress::say(const std::string& text) {
    if (!quiet_) warn(text);
}

void Progress::warn(const std::string& text) {
    const std::lock_guard<std::mutex> lock(line_mutex_);
    clear_line();
    std::fprintf(stderr, "flashvsr-upscale: %s\n", printable(text).c_str());
}

void Progress::end(const char* state, guint64 frames, const std::string& output,
                   const Report& report) {
    const std::lock_guard<std::mutex> lock(line_mutex_);
    clear_line();
    if (json_) print_json(state, frames, 0, json_end(output, report));
    if (line_ && !output.empty()) {
        const double rate = fps(frames);
        std::fprintf(stderr, "%s: %llu frames", printable(output).c_str(),
                     static_cast<unsigned long long>(frames));
        if (rate > 0) std::fprintf(stderr, ", %.1f FPS", rate);
        std::fputs("\n", stderr);
    }
}

}  // namespace upscale
