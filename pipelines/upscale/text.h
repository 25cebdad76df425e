// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace upscale {

// A URL, or a text with one in it.
bool is_address(const std::string& text);

// For a terminal: names of files hold any bytes. Valid UTF-8 in one line; what is not is replaced,
// control characters are written as escapes. Without what is secret in URLs that the text holds.
std::string printable(const std::string& text);

// In quotes, as JSON has it, valid UTF-8 always. Without secrets as well.
std::string json_string(const std::string& text);

// "97x65".
std::string size_text(int width, int height);

}  // namespace upscale
