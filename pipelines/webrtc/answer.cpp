// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/answer.h"

#include <gio/gio.h>

#include <algorithm>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "pipelines/webrtc/limits.h"
#include "pipelines/webrtc/message.h"

namespace webrtc {

namespace {

constexpr guint kVideos = 2;  // of the offer

using Sdp = std::unique_ptr<GstSDPMessage, decltype(&gst_sdp_message_free)>;

// Control characters have no place in it.
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

bool is_one_of(const std::string& word, const std::set<std::string>& words) {
    return words.count(word) > 0;
}

// Whether `parameters` of a format, NAME=VALUE;NAME=VALUE, are of those that browsers know.
bool are_known_parameters(const std::string& parameters) {
    static const std::set<std::string> known = {
        "apt",     "level-asymmetry-allowed", "level-idx", "max-fr",     "max-fs",
        "profile", "packetization-mode",      "tier",      "profile-id", "profile-level-id"};
    std::istringstream all(parameters);
    for (std::string one; std::getline(all >> std::ws, one, ';');) {
        if (!is_one_of(one.substr(0, one.find('=')), known)) return false;
    }
    return true;
}

// Whether an attribute is of those with which a browser answers. GLib keeps the names of others
// for ever once webrtcbin has read them; of some, names are in the value.
bool is_known(const std::string& key, const std::string& value) {
    static const std::set<std::string> plain = {"bundle-only",
                                                "end-of-candidates",
                                                "extmap-allow-mixed",
                                                "fingerprint",
                                                "group",
                                                "ice-lite",
                                                "ice-options",
                                                "ice-pwd",
                                                "ice-ufrag",
                                                "inactive",
                                                "mid",
                                                "msid-semantic",
                                                "recvonly",
                                                "rtcp",
                                                "rtcp-mux",
                                                "rtcp-rsize",
                                                "rtpmap",
                                                "sendonly",
                                                "sendrecv",
                                                "setup"};
    static const std::set<std::string> feedback = {"ccm fir", "goog-remb", "nack", "nack pli",
                                                   "transport-cc"};
    if (key == "candidate") return is_usable_candidate("candidate:" + value);
    const size_t space = std::min(value.find(' '), value.size());
    const std::string rest = value.substr(std::min(space + 1, value.size()));
    if (key == "fmtp") return are_known_parameters(rest);
    if (key == "rtcp-fb") return is_one_of(rest, feedback);
    if (key == "extmap") return space <= 2;  // header extensions are numbered from 1 to 14
    return is_one_of(key, plain);
}

bool is_known(const GstSDPAttribute* attribute) {
    return is_known(attribute->key, attribute->value ? attribute->value : "");
}

void leave_known_attributes(GstSDPMessage* message) {
    for (guint i = gst_sdp_message_attributes_len(message); i-- > 0;) {
        if (!is_known(gst_sdp_message_get_attribute(message, i))) {
            gst_sdp_message_remove_attribute(message, i);
        }
    }
}

void leave_known_attributes(GstSDPMedia* media) {
    for (guint i = gst_sdp_media_attributes_len(media); i-- > 0;) {
        if (!is_known(gst_sdp_media_get_attribute(media, i))) {
            gst_sdp_media_remove_attribute(media, i);
        }
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
        leave_known_attributes(media);
    }
    leave_known_attributes(read);
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
