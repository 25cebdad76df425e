#include "pipelines/webrtc/answer.h"

#include <gio/gio.h>

#include <memory>
#include <sstream>

#include "pipelines/webrtc/limits.h"
#include "pipelines/webrtc/message.h"

namespace webrtc {

namespace {

constexpr guint kVideos = 2;  // of the offer

using Sdp = std::unique_ptr<GstSDPMessage, decltype(&gst_sdp_message_free)>;

/// Control characters have no place in it.
void check_text(const std::string& sdp) {
    for (const char c : sdp) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 && c != '\r' && c != '\n') throw BadMessage("the answer is no text");
    }
}

void check_media(const GstSDPMedia* media) {
    if (gst_sdp_media_attributes_len(media) > limits::kAttributes) {
        throw BadMessage("the answer has too many attributes");
    }
    for (const char* name : {"mid", "ice-ufrag", "ice-pwd", "setup"}) {
        const char* value = gst_sdp_media_get_attribute_val(media, name);
        if (!value || !*value) {
            throw BadMessage("a video of the answer lacks '" + std::string(name) + "'");
        }
    }
    if (gst_sdp_media_formats_len(media) == 0) throw BadMessage("the answer names no format");
}

void leave_usable_candidates(GstSDPMedia* media) {
    for (guint i = gst_sdp_media_attributes_len(media); i-- > 0;) {
        const GstSDPAttribute* attribute = gst_sdp_media_get_attribute(media, i);
        if (g_strcmp0(attribute->key, "candidate") != 0) continue;
        const std::string value = attribute->value ? attribute->value : "";
        if (!is_usable_candidate("candidate:" + value)) gst_sdp_media_remove_attribute(media, i);
    }
}

}  // namespace

GstSDPMessage* read_answer(const std::string& sdp) {
    check_text(sdp);
    GstSDPMessage* read = nullptr;
    if (gst_sdp_message_new_from_text(sdp.c_str(), &read) != GST_SDP_OK) {
        throw BadMessage("the answer is no session description");
    }
    Sdp message(read, gst_sdp_message_free);
    if (gst_sdp_message_medias_len(read) != kVideos) {
        throw BadMessage("the answer is to another offer");
    }
    if (gst_sdp_message_attributes_len(read) > limits::kAttributes) {
        throw BadMessage("the answer has too many attributes");
    }
    for (guint i = 0; i < kVideos; ++i) {
        auto* media = const_cast<GstSDPMedia*>(gst_sdp_message_get_media(read, i));
        check_media(media);
        leave_usable_candidates(media);
    }
    return message.release();
}

bool is_usable_candidate(const std::string& candidate) {
    // candidate:FOUNDATION COMPONENT PROTOCOL PRIORITY ADDRESS PORT typ TYPE ... (RFC 8839, 5.1)
    std::istringstream words(candidate);
    std::string foundation, component, protocol, priority, address, port;
    words >> foundation >> component >> protocol >> priority >> address >> port;
    if (foundation.rfind("candidate:", 0) != 0 || port.empty()) return false;
    return g_hostname_is_ip_address(address.c_str());
}

}  // namespace webrtc
