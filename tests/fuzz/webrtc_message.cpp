// SPDX-License-Identifier: Apache-2.0
// What a viewer of flashvsr-webrtc says: a message and, in it, an answer or a candidate.
#include "pipelines/webrtc/message.h"

#include <cstdlib>
#include <set>
#include <string>

#include "pipelines/webrtc/answer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gstreamer.h"

namespace {

constexpr size_t kMaxNames = 250;

/// webrtcbin makes fields of attributes, and GLib keeps their names for ever: of all answers
/// together there may be few.
void count_names(const GstSDPMessage* answer) {
    static std::set<std::string> names;
    for (guint i = 0; i < gst_sdp_message_medias_len(answer); ++i) {
        const GstSDPMedia* media = gst_sdp_message_get_media(answer, i);
        GstCaps* caps = gst_caps_new_empty_simple("application/x-rtp");
        gst_sdp_message_attributes_to_caps(answer, caps);
        gst_sdp_media_attributes_to_caps(media, caps);
        const GstStructure* fields = gst_caps_get_structure(caps, 0);
        for (gint n = 0; n < gst_structure_n_fields(fields); ++n) {
            names.insert(gst_structure_nth_field_name(fields, n));
        }
        gst_caps_unref(caps);
    }
    if (names.size() > kMaxNames) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    fuzz::start_gstreamer();
    try {
        const webrtc::Message message =
            webrtc::parse_message(reinterpret_cast<const char*>(data), size);
        webrtc::is_usable_candidate(message.candidate);
        if (message.sdp.empty()) return 0;
        GstSDPMessage* answer = webrtc::read_answer(message.sdp);
        count_names(answer);
        gst_sdp_message_free(answer);
    } catch (const webrtc::BadMessage&) {
    }
    return 0;
}
