#ifndef FLASHVSR_PIPELINES_UPSCALE_TEXT_H_
#define FLASHVSR_PIPELINES_UPSCALE_TEXT_H_

#include <string>

namespace upscale {

/// For a terminal: names of files hold any bytes. Valid UTF-8 in one line; what is not is replaced,
/// control characters are written as escapes.
std::string printable(const std::string& text);

/// In quotes, as JSON has it, valid UTF-8 always.
std::string json_string(const std::string& text);

/// "97x65".
std::string size_text(int width, int height);

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_TEXT_H_
