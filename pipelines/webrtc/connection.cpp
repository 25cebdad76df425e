// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/connection.h"

#include <algorithm>

#include "pipelines/webrtc/limits.h"

namespace webrtc {

namespace {

constexpr char kBad[] =
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
constexpr char kKey[] = "flashvsr-connection";
constexpr char kTooLong[] =
    "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

// Frame of a WebSocket that closes it.
std::string close_frame(unsigned code, const std::string& why) {
    std::string frame = "\x88";
    frame += static_cast<char>(2 + why.size());
    frame += static_cast<char>(code >> 8);
    frame += static_cast<char>(code & 0xff);
    return frame + why;
}

}  // namespace

Connection::Connection(GSocket* socket, std::string address)
    : pipelines::Connection(socket, std::move(address)),
      since_(g_get_monotonic_time()),
      heard_(since_) {}

std::shared_ptr<Connection> Connection::of(GSocketAddress* remote) {
    auto* found =
        static_cast<std::shared_ptr<Connection>*>(g_object_get_data(G_OBJECT(remote), kKey));
    return found ? *found : nullptr;
}

void Connection::tell(GSocketAddress* remote, std::shared_ptr<Connection> connection) {
    g_object_set_data_full(
        G_OBJECT(remote), kKey, new std::shared_ptr<Connection>(std::move(connection)),
        [](gpointer held) { delete static_cast<std::shared_ptr<Connection>*>(held); });
}

bool Connection::become_socket() {
    is_socket_ = true;
    if (request_.behind() > 0) drop();
    return !is_dropped();
}

void Connection::set_viewer(bool viewer) {
    viewer_ = viewer;
    since_ = g_get_monotonic_time();
}

void Connection::queue(size_t bytes) {
    queued_ += bytes;
    if (queued_ > limits::kLongestQueue) drop();
}

bool Connection::is_overdue(gint64 now) const {
    return viewer_ ? now - heard_ > limits::kSilence : now - since_ > limits::kRequestTime;
}

bool Connection::on_read(const uint8_t* data, size_t size) {
    if (is_dropped()) return false;
    heard_ = g_get_monotonic_time();
    if (!is_socket_) {
        request_verdict_ = request_.take(data, size);
        return request_verdict_ == RequestMeter::Verdict::kFine;
    }
    verdict_ = frames_.take(data, size, heard_);
    queue(frames_.take_answers());
    return verdict_ == FrameMeter::Verdict::kFine && !is_dropped();
}

std::string Connection::last_words() {
    if (is_dropped()) return {};
    if (!is_socket_) {
        if (answering_) return {};
        return request_verdict_ == RequestMeter::Verdict::kBad ? kBad : kTooLong;
    }
    if (queued_ > 0) return {};  // the frame would land in the middle of another
    return verdict_ == FrameMeter::Verdict::kTooLong ? close_frame(1009, "The message is too long.")
                                                     : close_frame(1008, "Too many messages.");
}

void Connection::on_written(size_t size) {
    answering_ = true;
    if (is_socket_) queued_ -= std::min(queued_, size);
}

}  // namespace webrtc
