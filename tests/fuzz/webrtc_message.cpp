// What a viewer of flashvsr-webrtc says: a message and, in it, an answer or a candidate.
#include "pipelines/webrtc/message.h"

#include "pipelines/webrtc/answer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gstreamer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    fuzz::start_gstreamer();
    try {
        const webrtc::Message message =
            webrtc::parse_message(reinterpret_cast<const char*>(data), size);
        webrtc::is_usable_candidate(message.candidate);
        if (!message.sdp.empty()) gst_sdp_message_free(webrtc::read_answer(message.sdp));
    } catch (const webrtc::BadMessage&) {
    }
    return 0;
}
