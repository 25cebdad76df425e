// SPDX-License-Identifier: Apache-2.0
// A picture as flashvsr-upscale reads it.
extern "C" {
#include <libavutil/log.h>
}

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/media.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gstreamer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    fuzz::start_gstreamer();
    av_log_set_level(AV_LOG_QUIET);
    static const std::string path = fuzz::folder_with("picture.png") + "/picture.png";
    fuzz::as_file(data, size);
    try {
        const upscale::Source source(path);
        static_cast<void>(source.is_one_picture());
        upscale::read_media(source, {}).describe();
    } catch (const upscale::Failure&) {
    }
    return 0;
}
