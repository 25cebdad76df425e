#ifndef FLASHVSR_PIPELINES_UPSCALE_FORMAT_H_
#define FLASHVSR_PIPELINES_UPSCALE_FORMAT_H_

#include <string>
#include <vector>

#include "pipelines/upscale/options.h"

namespace upscale {

/// A form that the result can have; the ending of a file's name chooses it.
struct Format {
    const char* ending;
    const char* muxer;  ///< as libavformat calls it; null: the encoder's output is the file
    std::vector<std::string> codecs;  ///< the first is the default
};

/// Throws Failure (kUsage) where there is none. `name`: of the output, for the message.
const Format& format_of(const std::string& ending, const std::string& name);
bool is_format(const std::string& ending);

/// The codec that the options ask for. Throws Failure (kUsage) where the format does not hold it.
std::string choose_codec(const Options& options, const Format& format);

/// "raw formats ! encoder named encoder ! parser", as gst_parse_launch reads it.
std::string encoder_line(const Options& options, const std::string& codec);

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_FORMAT_H_
