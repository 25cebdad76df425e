// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gio/gio.h>

#include <atomic>
#include <memory>
#include <string>

#include "pipelines/live/connection.h"
#include "pipelines/rtsp/request_meter.h"

namespace rtsp {

// One peer's connection, within limits.h. It waits until a session is granted.
class Connection : public pipelines::Connection {
  public:
    Connection(GSocket* socket, std::string address);

    // A session begins, or ends. Drops a peer that has too many. Any thread.
    void begin_session();
    void end_session();
    // Its stream goes through this connection. Any thread.
    void begin_stream();

    bool is_waiting() const override { return sessions_ == 0 && !is_dropped(); }
    bool is_silent() const override { return is_waiting() && heard_ == 0; }
    // Whether it is over time with what it has begun to send, what it is to read, its login, or its
    // silence.
    bool is_overdue(gint64 now) const override;

  private:
    bool on_read(const uint8_t* data, size_t size) override;
    std::string last_words() override;
    void on_written(size_t) override { blocked_ = 0; }
    void on_blocked() override;
    void on_closing() override;

    std::atomic<gint64> since_;          // it waits
    std::atomic<gint64> unfinished_{0};  // since when; 0: nothing
    std::atomic<gint64> blocked_{0};     // since when it reads nothing; 0: it reads
    std::atomic<int> sessions_{0};
    std::atomic<gint64> heard_{0};  // when something came; 0: not yet
    std::atomic<bool> streams_{false};
    // The thread of the connection.
    RequestMeter requests_;
    RequestMeter::Verdict verdict_ = RequestMeter::Verdict::kFine;
};

// Has a client or a session of the library's know its connection.
void give(gpointer object, const std::shared_ptr<Connection>& connection);
// Null: it has been given none.
std::shared_ptr<Connection> connection_of(gpointer object);

}  // namespace rtsp
