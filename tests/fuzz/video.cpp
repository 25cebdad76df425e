// SPDX-License-Identifier: Apache-2.0
// A video as flashvsr-upscale reads it: container, codec, times and what is lost.
extern "C" {
#include <libavutil/log.h>
}

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/media.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gstreamer.h"

namespace {

void read_all(const upscale::Source& source) {
    constexpr int kMax = 60;  // frames
    upscale::Report report([](const std::string&) {}, false);
    upscale::Media media = upscale::read_media(source, {});
    media.describe();
    media.read.begin = 2 * upscale::kSecond;  // seeks, where the container lets it
    for (upscale::ReadPlan plan : {upscale::ReadPlan(), media.read}) {
        plan.one_size = true;
        upscale::Stop stop(false);
        upscale::VideoReader reader(source, plan, &stop, &report);
        int frames = 0;
        while (frames < kMax && reader.next()) ++frames;
        if (frames < kMax) reader.report_losses();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    fuzz::start_gstreamer();
    av_log_set_level(AV_LOG_QUIET);
    const std::string file = fuzz::as_file(data, size);
    try {
        read_all(upscale::Source(file));
    } catch (const upscale::Failure&) {
    }
    return 0;
}
