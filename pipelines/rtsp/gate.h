// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/rtsp-server/rtsp-server.h>

namespace rtsp {

// What GstRTSPServer is not shown as a client has sent it. It asks its GstRTSPAuth first.

// A session belongs to the connection on which it was granted: whoever names it on another one
// could steer it without a login, and would end it by leaving. Returns whether the request names
// one of another connection, which it has then not named.
bool forget_foreign_session(GstRTSPContext* context);

// Leaves of a request what this server serves, and answers with another status than 200 where that
// is nothing. Everybody watches the same live stream: there is no recording, seeking, pace or key
// of a viewer's own. udp: --udp.
GstRTSPStatusCode restrict_request(GstRTSPContext* context, bool udp);

}  // namespace rtsp
