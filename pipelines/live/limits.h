// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// What peers may ask of any of the servers. docs/live.md has the same table.
namespace pipelines::limits {

constexpr int64_t kSecond = 1000000;  // in the unit of g_get_monotonic_time()

// ---- Connections that wait: those of nobody who is let in ------------------------------------

// All addresses together. The next one takes the place of the oldest, so that there is always
// room; browsers open up to 6 for a page.
constexpr size_t kWaiting = 64;
// One address (see network_of): its own oldest make room. Not this machine's: a proxy on it brings
// everyone.
constexpr size_t kWaitingOfAddress = 16;
// Those over TLS that have not said anything yet. Each handshake that does not end keeps one
// of GLib's threads for such tasks, of which there are 10 before it slowly adds more.
constexpr size_t kHandshakes = 8;

// ---- Memory ----------------------------------------------------------------------------------

// That threads share, see share_memory.
constexpr int kMemoryPools = 2;

// ---- Descriptors -----------------------------------------------------------------------------

// For everything but viewers: source, encoders, engine, libraries.
constexpr size_t kDescriptorsOfServer = 128;
// What the process asks the system to allow it.
constexpr size_t kDescriptors = 65536;
// Accepting pauses so long where there is none left.
constexpr unsigned kPauseMs = 100;
// Between two log lines about the same thing.
constexpr int64_t kQuietTime = 10 * kSecond;

}  // namespace pipelines::limits
