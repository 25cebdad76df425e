// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/libav_complaints.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "pipelines/upscale/libav.h"
#include "pipelines/upscale/text.h"

namespace upscale {

namespace {

thread_local bool listening = false;
thread_local const void* only_source = nullptr;
thread_local std::string first;

// The only word that some demuxers have about what is lost is a mild one.
bool is_error(int level, const char* format) {
    for (const char* mild : {"Packet mismatch", "freeing incomplete packet"}) {  // flv, asf
        if (std::strncmp(format, mild, std::strlen(mild)) == 0) return true;
    }
    return level <= AV_LOG_ERROR;
}

std::string trimmed(std::string line) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '.')) line.pop_back();
    return line;
}

void print(void* object, int level, const char* format, va_list values) {
    char line[512] = "";
    int begin = 1;
    av_log_format_line(object, level, format, values, line, sizeof line, &begin);
    std::fprintf(stderr, "%s\n", printable(trimmed(line)).c_str());
}

void on_log(void* object, int level, const char* format, va_list values) {
    if (!listening) {
        if (level <= av_log_get_level()) print(object, level, format, values);
        return;
    }
    if (!is_error(level, format) || !first.empty()) return;
    if (only_source && object != only_source) return;
    char line[512] = "";
    vsnprintf(line, sizeof line, format, values);
    first = trimmed(line);
}

}  // namespace

void listen_to_libav() {
    av_log_set_level(AV_LOG_FATAL);
    av_log_set_callback(on_log);
}

LibavComplaints::LibavComplaints(const void* source) {
    av_log_set_callback(on_log);
    first.clear();
    only_source = source;
    listening = true;
}

LibavComplaints::~LibavComplaints() { listening = false; }

bool LibavComplaints::any() { return !first.empty(); }

std::string LibavComplaints::say(int status) { return first.empty() ? libav_error(status) : first; }

}  // namespace upscale
