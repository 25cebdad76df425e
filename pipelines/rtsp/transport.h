// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace rtsp {

// The first way of a Transport header by which this server sends, in words of its own; empty:
// there is none. Of what the client says only ports and channels are left: GstRTSPServer would
// print what it does not know, and keep the destinations of ways that it does not take.
//
// With UDP both ports have to be said, and to be those of programs, from 1024 on: at others
// somebody else's service may listen.
std::string usable_transport(const std::string& offered, bool udp);

}  // namespace rtsp
