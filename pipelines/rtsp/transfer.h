// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/rtsp-server/rtsp-server.h>

#include <string>

namespace rtsp {

// Has the server serve the peer of this socket, reading and writing by `stream` in the socket's
// place. ip, port: of the peer. "client-connected" is emitted before this returns.
//
// GstRTSPServer takes sockets only, and has GIO make the GTcpConnection that reads and writes
// them. No other class can be registered for that (GLib 2.74 loses the second one for TCP), so the
// first call here teaches GTcpConnection, for the whole process, to use a stream that its socket
// brings. On one thread.
void transfer(GstRTSPServer* server, GSocket* socket, GIOStream* stream, const std::string& ip,
              int port);

}  // namespace rtsp
