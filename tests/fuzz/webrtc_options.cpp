// SPDX-License-Identifier: Apache-2.0
// Command line of flashvsr-webrtc, a word a line.
#include "pipelines/webrtc/options.h"

#include "pipelines/cli/exit_code.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gstreamer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    fuzz::start_gstreamer();
    fuzz::Words words(fuzz::lines(data, size));
    if (words.ask_for_help()) return 0;
    GstElement* element = gst_element_factory_make("flashvsrupscale", nullptr);
    gst_object_ref_sink(element);
    try {
        webrtc::parse_options(words.count(), words.pointers()).upscaler.apply(element);
    } catch (const pipelines::Failure&) {
    }
    gst_object_unref(element);
    return 0;
}
