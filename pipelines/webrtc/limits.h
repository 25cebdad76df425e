// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "pipelines/live/limits.h"

// What one peer, and all peers together, may ask of the server, beside the limits of all servers
// (pipelines/live/limits.h). docs/live.md has the same table.
namespace webrtc::limits {

using pipelines::limits::kSecond;

// ---- Requests --------------------------------------------------------------------------------

// From the connection to the end of the answer: TLS handshake, header, body and answer. Each
// connection carries one request.
constexpr int64_t kRequestTime = 10 * kSecond;
// Header and body. Browsers send 1 to 2 KiB; nothing here takes a body.
constexpr size_t kLongestRequest = 16 * 1024;

// ---- WebSocket messages of a viewer ----------------------------------------------------------

// A message over all of its fragments; an answer has 2 to 10 KiB.
constexpr size_t kLongestMessage = 64 * 1024;
// Frames of any kind, fragments and pings included. The page sends up to 20 a second while
// somebody drags a slider, and candidates all at once.
constexpr double kFramesPerSecond = 50;
constexpr double kFramesAtOnce = 200;
// What waits to be sent because the viewer does not read; an offer has 5 KiB, a second of
// statistics 1 KiB.
constexpr size_t kLongestQueue = 256 * 1024;
// Members of a message, in bytes.
constexpr size_t kLongestName = 64;
constexpr size_t kLongestCandidate = 512;
// A viewer's in all; a machine has one for each of its addresses and protocols.
constexpr size_t kCandidates = 64;
// Attributes of one of the two videos in an answer; browsers write about 40.
constexpr size_t kAttributes = 512;

// ---- New viewers of one address, other than this machine's -----------------------------------

// Each costs an offer with a new certificate; a page that lost its server tries again after 1, 2,
// 4 ... 15 s.
constexpr double kViewersPerSecond = 0.5;
constexpr double kViewersAtOnce = 20;

// ---- Time that a viewer has ------------------------------------------------------------------

constexpr int64_t kAnswerTime = 15 * kSecond;   // from the WebSocket to the answer
constexpr int64_t kConnectTime = 30 * kSecond;  // from the WebSocket to the first video
constexpr int64_t kLostTime = 20 * kSecond;     // from the loss of the way to its return
constexpr unsigned kPingPeriod = 10;            // s; browsers answer pings by themselves
constexpr int64_t kSilence = 25 * kSecond;      // without a byte, an answer to a ping included

// ---- Descriptors -----------------------------------------------------------------------------

// A viewer's: the WebSocket, and what webrtcbin opens: event and socket descriptors, two sockets
// for each address of the machine.
constexpr size_t kDescriptorsOfViewer = 24;

}  // namespace webrtc::limits
