// SPDX-License-Identifier: Apache-2.0
// What a client of flashvsr-rtsp sends, and where its messages end: the meter has to find the ends
// that GstRTSPConnection finds, or limits would be counted on something else.
#include <gst/rtsp/rtsp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "pipelines/rtsp/request_meter.h"
#include "tests/fuzz/fuzz.h"

namespace {

using rtsp::RequestMeter;

constexpr size_t kLongest = 60000;  // of an input: what a socket takes at once

/// How many messages come to their end; -1: the connection would be ended.
int metered(const uint8_t* data, size_t size) {
    RequestMeter meter;
    int ended = 0;
    int64_t now = 0;
    for (size_t i = 0; i < size; ++i) {
        const bool before = meter.unfinished_since() != 0;
        now += pipelines::limits::kSecond;  // slow enough for any rate
        if (meter.take(data + i, 1, true, now) != RequestMeter::Verdict::kFine) return -1;
        // One byte can begin a message, and another one end it, but not the same.
        if (before && meter.unfinished_since() == 0) ++ended;
    }
    return ended;
}

/// However the bytes come cut, the verdict is the same.
void check_pieces(const uint8_t* data, size_t size, bool fine) {
    RequestMeter whole;
    const auto verdict = whole.take(data, size, true, pipelines::limits::kSecond);
    if (verdict == RequestMeter::Verdict::kTooMany) return;  // all at once
    if ((verdict == RequestMeter::Verdict::kFine) != fine) std::abort();
}

GstRTSPConnection* connect(const uint8_t* data, size_t size) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    if (write(ends[1], data, size) != static_cast<ssize_t>(size)) std::abort();
    close(ends[1]);
    GSocket* socket = g_socket_new_from_fd(ends[0], nullptr);
    GstRTSPConnection* connection = nullptr;
    gst_rtsp_connection_create_from_socket(socket, "127.0.0.1", 554, nullptr, &connection);
    g_object_unref(socket);
    if (!connection) std::abort();
    return connection;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    // It would have the IP address of a socket that has none.
    static const GLogFunc quiet = g_log_set_default_handler(
        [](const gchar*, GLogLevelFlags, const gchar*, gpointer) {}, nullptr);
    if (size > kLongest || !quiet) return 0;
    const int expected = metered(data, size);
    check_pieces(data, size, expected >= 0);
    if (expected < 0) return 0;
    GstRTSPConnection* connection = connect(data, size);
    GstRTSPMessage message = {};
    int received = 0;
    GstRTSPResult result = GST_RTSP_OK;
    while ((result = gst_rtsp_connection_receive_usec(connection, &message, 0)) == GST_RTSP_OK) {
        ++received;
        gst_rtsp_message_unset(&message);
    }
    gst_rtsp_connection_close(connection);
    gst_rtsp_connection_free(connection);
    // Its own errors end the connection as well.
    const bool at_end = result == GST_RTSP_EEOF;
    if (received > expected || (at_end && received != expected)) std::abort();
    return 0;
}
