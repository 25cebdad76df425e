// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gio/gio.h>

#include <atomic>
#include <string>

#include "pipelines/live/metered_stream.h"

namespace pipelines {

// One peer's connection to a server, which knows what its bytes mean. The listener asks on the
// main thread, the meter is told on the connection's; both may drop it.
class Connection : public Meter {
  public:
    // address: what limits count by, see network_of.
    Connection(GSocket* socket, std::string address);
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Ends it at once: whoever reads or writes finds it closed.
    void drop();

    const std::string& address() const { return address_; }
    bool is_closed() const { return closed_; }
    bool is_dropped() const { return dropped_; }

    // Nobody has been let in by it yet: it may have to make room for another one.
    virtual bool is_waiting() const = 0;
    // Nothing has come yet, or its TLS handshake has not ended.
    virtual bool is_silent() const = 0;
    // Whether it has had its time.
    virtual bool is_overdue(gint64 now) const = 0;

  protected:
    void on_closing() override;

  private:
    void on_closed() override { closed_ = true; }

    GSocket* const socket_;
    const std::string address_;
    std::atomic<bool> dropped_{false}, closed_{false};
};

}  // namespace pipelines
