// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "pipelines/live/limits.h"

// What one peer, and all peers together, may ask of the server, beside the limits of all servers
// (pipelines/live/limits.h). docs/live.md has the same table.
namespace rtsp::limits {

using pipelines::limits::kSecond;

// ---- Requests --------------------------------------------------------------------------------

// Header of a request. Clients send 200 to 600 bytes.
constexpr size_t kLongestHeader = 8 * 1024;
// Its body. Clients send none, or the name of a parameter.
constexpr size_t kLongestBody = 4 * 1024;
// From the first byte of a request, or of interleaved data, to the last one.
constexpr int64_t kRequestTime = 10 * kSecond;
// From the connection to the first SETUP that is granted, TLS and the start of the encoder
// included, or from the end of a session to the next one.
constexpr int64_t kLoginTime = 30 * kSecond;

// Nothing is read of what waits for the peer. GstRTSPServer keeps up to 10 s of the stream for it.
constexpr int64_t kReadTime = 5 * kSecond;
// Nothing comes from who gets its stream through its connection. Clients send a request or a
// report of RTCP more often. GstRTSPServer itself takes what it sends there for a sign of life;
// its sessions have the same time otherwise.
constexpr int64_t kSilence = 60 * kSecond;

// ---- Rates -----------------------------------------------------------------------------------

// Requests and interleaved data of a connection. Receivers send a request or a report of RTCP
// every few seconds.
constexpr double kMessagesPerSecond = 50;
constexpr double kMessagesAtOnce = 200;

// Bytes of its requests' headers, each of which GstRTSPConnection reads from the socket by itself:
// that takes 0.65 us of the thread that all clients share.
constexpr double kHeaderBytesPerSecond = 16 * 1024;
constexpr double kHeaderBytesAtOnce = 64 * 1024;

// Uses of Pipelined-Requests on a connection, whose names the library keeps until its end.
constexpr int kPipelines = 16;

// Requests that wait for the verdict on a password. Clients wait for an answer.
constexpr size_t kHeld = 4;

// ---- Viewers ---------------------------------------------------------------------------------

// Sessions of one connection; clients use one.
constexpr int kSessions = 4;
// A viewer's: its connection, and what its address needs with UDP.
constexpr size_t kDescriptorsOfViewer = 4;
// The lowest port for a viewer's UDP. Those below are of services.
constexpr int kLowestPort = 1024;

}  // namespace rtsp::limits
