#include "pipelines/webrtc/connection.h"

#include <sys/socket.h>

#include <algorithm>

#include "pipelines/webrtc/limits.h"

namespace webrtc {

namespace {

constexpr char kTooLong[] =
    "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Frame of a WebSocket that closes it.
std::string close_frame(unsigned code, const std::string& why) {
    std::string frame = "\x88";
    frame += static_cast<char>(2 + why.size());
    frame += static_cast<char>(code >> 8);
    frame += static_cast<char>(code & 0xff);
    return frame + why;
}

}  // namespace

Connection::Connection(GSocket* socket, std::string address)
    : socket_(G_SOCKET(g_object_ref(socket))),
      address_(std::move(address)),
      since_(g_get_monotonic_time()),
      heard_(since_) {}

Connection::~Connection() { g_object_unref(socket_); }

bool Connection::become_socket() {
    is_socket_ = true;
    if (behind_ > 0) drop();
    return !dropped_;
}

void Connection::set_viewer(bool viewer) {
    viewer_ = viewer;
    since_ = g_get_monotonic_time();
}

void Connection::queue(size_t bytes) {
    queued_ += bytes;
    if (queued_ > limits::kLongestQueue) drop();
}

void Connection::drop() {
    if (dropped_) return;
    dropped_ = true;
    // What is still to be sent is given up as well: the peer may never take it.
    const linger none = {1, 0};
    setsockopt(g_socket_get_fd(socket_), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    g_socket_shutdown(socket_, TRUE, TRUE, nullptr);
}

bool Connection::is_overdue(gint64 now) const {
    return viewer_ ? now - heard_ > limits::kSilence : now - since_ > limits::kRequestTime;
}

bool Connection::on_read(const uint8_t* data, size_t size) {
    if (dropped_) return false;
    heard_ = g_get_monotonic_time();
    if (!is_socket_) {
        note_request(data, size);
        return request_ <= limits::kLongestRequest;
    }
    verdict_ = frames_.take(data, size, heard_);
    queue(frames_.take_answers());
    return verdict_ == FrameMeter::Verdict::kFine && !dropped_;
}

/// The header ends, for the library as well, at the first empty line at the latest.
void Connection::note_request(const uint8_t* data, size_t size) {
    request_ += size;
    for (size_t i = 0; i < size; ++i) {
        if (blank_ == Blank::kEnded) {
            ++behind_;
        } else if (data[i] == '\n') {
            blank_ = blank_ == Blank::kNone ? Blank::kLine : Blank::kEnded;
        } else {
            blank_ = data[i] == '\r' && blank_ == Blank::kLine ? Blank::kReturn : Blank::kNone;
        }
    }
}

std::string Connection::last_words() {
    if (dropped_) return {};
    if (!is_socket_) return answering_ ? "" : kTooLong;
    if (queued_ > 0) return {};  // the frame would land in the middle of another
    return verdict_ == FrameMeter::Verdict::kTooLong ? close_frame(1009, "The message is too long.")
                                                     : close_frame(1008, "Too many messages.");
}

void Connection::on_written(size_t size) {
    answering_ = true;
    if (is_socket_) queued_ -= std::min(queued_, size);
}

/// TLS says goodbye, and would wait for a peer that does not read.
void Connection::on_closing() {
    if (!(g_socket_condition_check(socket_, G_IO_OUT) & G_IO_OUT)) drop();
}

}  // namespace webrtc
