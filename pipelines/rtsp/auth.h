// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/rtsp-server/rtsp-server.h>

#include <functional>
#include <string>

#include "pipelines/rtsp/users.h"

namespace rtsp {

// Lets users in, each with the permissions of `role`; without users everybody.
//
// GstRTSPAuth's own Basic compares passwords that it knows, its Digest keeps every nonce that
// anybody has asked for, and neither makes who guesses wait. This one
//
// - asks for Digest or Basic as the users' file has it. A nonce holds on its own connection only,
//   so what was overheard is of no use on another one;
// - looks at the first credentials of a request alone, and not at all while their address has to
//   wait after a wrong password (503 with Retry-After). Who is in already does not wait;
// - has passwords hashed on a thread of their own, and keeps the connection's requests meanwhile;
// - says so: `say` gets a line with address and user, from the server's threads.
//
// A request without credentials is how clients begin, and no wrong password.
//
// It also keeps from the library what it should not be shown of a request, see gate.h. udp: --udp.
GstRTSPAuth* auth_new(Users users, const char* role, bool udp,
                      std::function<void(const std::string& line)> say);

}  // namespace rtsp
