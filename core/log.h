// SPDX-License-Identifier: Apache-2.0
// Where the engine's log lines go. Process-wide, as the C interface has it.
#pragma once

#include <string>

namespace flashvsr {

// As in FlashvsrApi::set_log.
using LogCallback = void (*)(int level, const char* message, void* user);

enum class LogLevel { kError = 1, kWarning, kInfo, kDebug };

// From any thread; null: silence.
void set_log(LogCallback callback, void* user);
void log_line(LogLevel level, const std::string& message);

}  // namespace flashvsr
