// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gio/gio.h>

#include <memory>
#include <string>

#include "pipelines/live/connection.h"
#include "pipelines/webrtc/frame_meter.h"
#include "pipelines/webrtc/request_meter.h"

namespace webrtc {

// One peer's connection, within limits.h: first for one HTTP request, then, where that asks for
// it, for a WebSocket.
class Connection : public pipelines::Connection {
  public:
    Connection(GSocket* socket, std::string address);

    // From now on the bytes are frames of a WebSocket. False: frames have come before the server
    // agreed, which nobody has counted; the peer is dropped.
    bool become_socket();
    // A viewer's connection is neither closed to make room for another one, nor for its age.
    void set_viewer(bool viewer);
    // So many bytes have been handed to the library to be sent. Drops a peer that does not read.
    void queue(size_t bytes);

    // The connection that `remote` has been told of; null: none.
    static std::shared_ptr<Connection> of(GSocketAddress* remote);
    static void tell(GSocketAddress* remote, std::shared_ptr<Connection> connection);

    bool is_waiting() const override { return !viewer_ && !is_dropped(); }
    bool is_silent() const override { return is_waiting() && request_.bytes() == 0; }
    // Whether it is over time with its request, or a viewer that says nothing any more.
    bool is_overdue(gint64 now) const override;

  private:
    bool on_read(const uint8_t* data, size_t size) override;
    std::string last_words() override;
    void on_written(size_t size) override;

    gint64 since_, heard_;
    RequestMeter request_;
    RequestMeter::Verdict request_verdict_ = RequestMeter::Verdict::kFine;
    size_t queued_ = 0;  // bytes that the peer has not taken yet
    FrameMeter frames_;
    FrameMeter::Verdict verdict_ = FrameMeter::Verdict::kFine;
    bool is_socket_ = false, viewer_ = false;
    bool answering_ = false;  // some of the answer to the request has been sent
};

}  // namespace webrtc
