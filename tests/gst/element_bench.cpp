// SPDX-License-Identifier: Apache-2.0
// Speed of the element in a pipeline, to be compared with the engine's own (tests/bench, same size
// and memory):
//
//     element_bench MODEL_DIR [HEIGHTxWIDTH] [system|cuda] [FRAMES] [PROPERTY=VALUE ...]
//
// HEIGHTxWIDTH is the output; the input is a quarter of it on each side, RGB. Frames come as fast
// as they are taken, and go to a fakesink. The first 69 frames (the start-up chunk and six more)
// are not timed.
#include <gst/gst.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/gst/test_pipeline.h"

namespace {

constexpr guint64 kWarmUp = 69;
constexpr guint64 kChunk = 8;

// Whole chunks after the warm-up.
struct Timing {
    guint64 seen = 0;
    gint64 begin = 0;
    gint64 end = 0;
    guint64 timed = 0;

    void add() {
        const gint64 now = g_get_monotonic_time();
        if (seen == kWarmUp) begin = now;
        if (seen > kWarmUp && (seen - kWarmUp) % kChunk == 0) {
            end = now;
            timed = seen - kWarmUp;
        }
        seen++;
    }
};

std::string launch_line(int argc, char** argv) {
    int height = 768;
    int width = 1408;
    if (argc > 2) std::sscanf(argv[2], "%dx%d", &height, &width);
    const std::string memory = argc > 3 ? argv[3] : "system";
    const std::string frames = argc > 4 ? argv[4] : "400";
    std::string line =
        "videotestsrc pattern=ball num-buffers=" + frames +
        " ! video/x-raw,format=RGB,framerate=30/1,width=" + std::to_string(width / 4) +
        ",height=" + std::to_string(height / 4) + " ! ";
    if (memory == "cuda") line += "cudaupload ! ";
    line += "flashvsrupscale name=upscale model-dir=" + std::string(argv[1]);
    for (int i = 5; i < argc; i++) line += std::string(" ") + argv[i];
    line += " ! video/x-raw";
    if (memory == "cuda") line += "(memory:CUDAMemory)";
    return line + ",format=RGB ! fakesink name=sink sync=false";
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr,
                     "usage: element_bench MODEL_DIR [HEIGHTxWIDTH] [system|cuda] [FRAMES] "
                     "[PROPERTY=VALUE ...]\n");
        return 2;
    }
    gst_init(&argc, &argv);
    TestPipeline pipeline(launch_line(argc, argv));
    Timing timing;
    on_buffers(
        pipeline.element("sink"),
        [](GstBuffer*, gpointer data) { static_cast<Timing*>(data)->add(); }, &timing);
    const Outcome outcome = pipeline.run();
    if (!outcome.error.empty() || timing.timed == 0) {
        std::fprintf(stderr, "element_bench: %s %s\n", outcome.error.c_str(),
                     outcome.message.c_str());
        return 1;
    }
    std::printf("%.2f FPS over %" G_GUINT64_FORMAT " frames\n",
                static_cast<double>(timing.timed) * G_USEC_PER_SEC /
                    static_cast<double>(timing.end - timing.begin),
                timing.timed);
    return 0;
}
