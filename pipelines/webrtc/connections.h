#ifndef FLASHVSR_PIPELINES_WEBRTC_CONNECTIONS_H_
#define FLASHVSR_PIPELINES_WEBRTC_CONNECTIONS_H_

#include <gio/gio.h>

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "pipelines/webrtc/connection.h"

namespace webrtc {

/// Listens, and keeps the connections within limits.h. On the main thread.
class Connections {
  public:
    /// Gets each connection as the library is to see it; `remote` knows it (`of`).
    using Accept =
        std::function<void(GIOStream* stream, GSocketAddress* local, GSocketAddress* remote)>;

    /// certificate: TLS is spoken; null: it is not. Throws Failure: kUsage for what is no IP
    /// address, kOutput where it cannot be listened on.
    Connections(const std::string& address, int port, GTlsCertificate* certificate, Accept accept);
    ~Connections();
    Connections(const Connections&) = delete;
    Connections& operator=(const Connections&) = delete;

    int port() const;
    /// Drops those that have had their time. To be called every second.
    void check_times();

    static std::shared_ptr<Connection> of(GSocketAddress* remote);

  private:
    void resume();
    void pause();
    bool accept_one();
    void admit(GSocket* socket);
    void make_room(const std::string& address);
    using Which = std::function<bool(const Connection&)>;
    size_t count(const Which& which) const;
    void drop_oldest(const Which& which);
    void complain(const std::string& about);

    static gboolean on_connection(GSocket*, GIOCondition, gpointer self);
    static gboolean on_pause_over(gpointer self);

    const Accept accept_;
    GTlsCertificate* certificate_ = nullptr;
    GSocket* listening_ = nullptr;
    GSource* source_ = nullptr;
    guint paused_ = 0;  // id in the main context
    gint64 complained_at_ = 0;
    std::list<std::shared_ptr<Connection>> connections_;  // the oldest first
};

/// Allows the process as many descriptors as the system lets it have: libraries abort where there
/// is none left. Throws Failure (kUsage) where these are too few for so many viewers.
void allow_descriptors(size_t viewers);

}  // namespace webrtc

#endif  // FLASHVSR_PIPELINES_WEBRTC_CONNECTIONS_H_
