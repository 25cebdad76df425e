// SPDX-License-Identifier: Apache-2.0
#include "core/log.h"

#include <mutex>

namespace flashvsr {
namespace {

struct Sink {
    std::mutex mutex;
    LogCallback callback = nullptr;
    void* user = nullptr;
};

Sink& sink() {
    static Sink instance;
    return instance;
}

}  // namespace

void set_log(LogCallback callback, void* user) {
    const std::lock_guard<std::mutex> lock(sink().mutex);
    sink().callback = callback;
    sink().user = user;
}

void log_line(LogLevel level, const std::string& message) {
    const std::lock_guard<std::mutex> lock(sink().mutex);
    if (sink().callback) sink().callback(static_cast<int>(level), message.c_str(), sink().user);
}

}  // namespace flashvsr
