#include "pipelines/upscale/libav_complaints.h"

#include <cstdarg>
#include <cstdio>

#include "pipelines/upscale/libav.h"

namespace upscale {

namespace {

thread_local bool listening = false;
thread_local std::string first;

void on_log(void* object, int level, const char* format, va_list values) {
    if (!listening) {
        av_log_default_callback(object, level, format, values);
        return;
    }
    if (level > AV_LOG_ERROR || !first.empty()) return;
    char line[512] = "";
    vsnprintf(line, sizeof line, format, values);
    first = line;
    while (!first.empty() && (first.back() == '\n' || first.back() == '.')) first.pop_back();
}

}  // namespace

LibavComplaints::LibavComplaints() {
    av_log_set_callback(on_log);
    first.clear();
    listening = true;
}

LibavComplaints::~LibavComplaints() { listening = false; }

bool LibavComplaints::any() { return !first.empty(); }

std::string LibavComplaints::say(int status) { return first.empty() ? libav_error(status) : first; }

}  // namespace upscale
