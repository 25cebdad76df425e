// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gio/gio.h>

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "pipelines/live/connection.h"

namespace pipelines {

// A connection as it has been accepted.
struct Accepted {
    GSocket* socket;
    GSocketAddress* local;
    GSocketAddress* remote;
    GIOStream* stream;  // what it says, without TLS, and metered
    std::shared_ptr<Connection> connection;
};

// Listens, and keeps the connections within limits.h. On the main thread.
class Listener {
  public:
    using Make = std::function<std::shared_ptr<Connection>(GSocket*, const std::string& address)>;
    // Takes references to what it keeps.
    using Accept = std::function<void(const Accepted& accepted)>;

    // certificate: TLS is spoken; null: it is not. Throws Failure: kUsage for what is no IP
    // address, kOutput where it cannot be listened on.
    Listener(const std::string& address, int port, GTlsCertificate* certificate, Make make,
             Accept accept);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    int port() const;
    // Drops those that have had their time. To be called every second.
    void check_times();
    void drop_all();

  private:
    void resume();
    void pause();
    bool accept_one();
    void admit(GSocket* socket);
    bool is_behind() const;
    void make_room(const std::string& address);
    using Which = std::function<bool(const Connection&)>;
    size_t count(const Which& which) const;
    void drop_oldest(const Which& which);
    void complain(const std::string& about);

    static gboolean on_connection(GSocket*, GIOCondition, gpointer self);
    static gboolean on_pause_over(gpointer self);

    const Make make_;
    const Accept accept_;
    GTlsCertificate* certificate_ = nullptr;
    GSocket* listening_ = nullptr;
    GSource* source_ = nullptr;
    guint paused_ = 0;  // id in the main context
    gint64 complained_at_ = 0;
    std::list<std::shared_ptr<Connection>> connections_;  // the oldest first
};

}  // namespace pipelines
