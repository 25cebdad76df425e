// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/connection.h"

#include "pipelines/rtsp/limits.h"

namespace rtsp {

namespace {

constexpr char kConnectionKey[] = "flashvsr-connection";

}  // namespace

Connection::Connection(GSocket* socket, std::string address)
    : pipelines::Connection(socket, std::move(address)), since_(g_get_monotonic_time()) {}

void Connection::begin_session() {
    if (++sessions_ > limits::kSessions) drop();
}

void Connection::end_session() {
    since_ = g_get_monotonic_time();
    --sessions_;
}

void Connection::begin_stream() { streams_ = true; }

bool Connection::is_overdue(gint64 now) const {
    const gint64 begun = unfinished_, blocked = blocked_;
    return (begun && now - begun > limits::kRequestTime) ||
           (blocked && now - blocked > limits::kReadTime) ||
           (sessions_ > 0 && streams_ && now - heard_ > limits::kSilence) ||
           (sessions_ == 0 && now - since_ > limits::kLoginTime);
}

bool Connection::on_read(const uint8_t* data, size_t size) {
    if (is_dropped()) return false;
    heard_ = g_get_monotonic_time();
    verdict_ = requests_.take(data, size, sessions_ > 0, heard_);
    unfinished_ = requests_.unfinished_since();
    return verdict_ == RequestMeter::Verdict::kFine;
}

void Connection::on_blocked() {
    gint64 reads = 0;
    blocked_.compare_exchange_strong(reads, g_get_monotonic_time());
}

// A TLS handshake that has not ended would be waited for.
void Connection::on_closing() {
    if (heard_ == 0) drop();
    pipelines::Connection::on_closing();
}

std::string Connection::last_words() {
    if (is_dropped() || sessions_ > 0) return {};  // it would land in the middle of a picture
    const bool long_one = verdict_ == RequestMeter::Verdict::kTooLong;
    return std::string("RTSP/1.0 ") +
           (long_one ? "413 Request Entity Too Large" : "400 Bad Request") +
           "\r\nConnection: close\r\n\r\n";
}

void give(gpointer object, const std::shared_ptr<Connection>& connection) {
    g_object_set_data_full(
        G_OBJECT(object), kConnectionKey, new std::shared_ptr<Connection>(connection),
        [](gpointer held) { delete static_cast<std::shared_ptr<Connection>*>(held); });
}

std::shared_ptr<Connection> connection_of(gpointer object) {
    auto* held = static_cast<std::shared_ptr<Connection>*>(
        g_object_get_data(G_OBJECT(object), kConnectionKey));
    return held ? *held : nullptr;
}

}  // namespace rtsp
