// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/sdp/sdp.h>

#include <string>

namespace webrtc {

// A browser's answer to the offer of two videos, as webrtcbin may have it: checked, and without
// candidates that are of no use. The caller owns it. Throws BadMessage.
GstSDPMessage* read_answer(const std::string& sdp);

// Whether a candidate line names an IP address and a port. Browsers hide theirs behind a random
// name of multicast DNS; they call us anyway, which shows the address. Names are not looked up:
// that takes time, and a peer could have us ask for any.
bool is_usable_candidate(const std::string& candidate);

}  // namespace webrtc
