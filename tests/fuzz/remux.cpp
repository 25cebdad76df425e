// SPDX-License-Identifier: Apache-2.0
// All of a file beside its frames, copied into another: tracks, tags, chapters, covers. The first
// byte chooses the container.
#include <gst/gst.h>

extern "C" {
#include <libavutil/log.h>
}

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/mux.h"
#include "tests/fuzz/fuzz.h"

namespace {

void copy(const std::string& file, const std::string& format) {
    constexpr int kMax = 200;  // packets
    upscale::Report report([](const std::string&) {}, false);
    const upscale::InputFile input = upscale::open_input(file, file);
    const int video = av_find_best_stream(input.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
    if (video < 0) return;
    upscale::MuxOptions options;
    options.name = "output";
    options.url = "file:/dev/null";
    options.format = format;
    options.input = options.input_name = file;
    upscale::Mux mux(options, &report);
    const upscale::Packet packet = upscale::make_packet();
    for (int i = 0; i < kMax && av_read_frame(input.get(), packet.get()) >= 0; ++i) {
        const AVStream* stream = input->streams[packet->stream_index];
        if (packet->stream_index == video) mux.write_packet(stream, packet.get());
        av_packet_unref(packet.get());
    }
    mux.finish(GST_CLOCK_TIME_NONE);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr const char* kFormats[] = {"mp4", "matroska", "mov", "webm"};
    if (size == 0) return 0;
    av_log_set_level(AV_LOG_QUIET);
    try {
        copy(fuzz::as_file(data + 1, size - 1), kFormats[data[0] % std::size(kFormats)]);
    } catch (const upscale::Failure&) {
    }
    return 0;
}
