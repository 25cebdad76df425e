// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>

#include "pipelines/cli/exit_code.h"
#include "pipelines/live/access.h"
#include "pipelines/live/guard.h"
#include "pipelines/live/limits.h"

namespace pipelines {

namespace {

constexpr int kBacklog = 128;  // connections that the kernel keeps until they are accepted
constexpr int kAtOnce = 16;    // of them are accepted before anything else has its turn

std::string text_of(GSocketAddress* address) {
    if (!G_IS_INET_SOCKET_ADDRESS(address)) return {};
    gchar* text =
        g_inet_address_to_string(g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(address)));
    std::string result = text;
    g_free(text);
    return result;
}

GSocket* listen_on(const std::string& address, int port) {
    GSocketAddress* where = g_inet_socket_address_new_from_string(
        address == "localhost" ? "127.0.0.1" : address.c_str(), port);
    if (!where) {
        throw Failure(ExitCode::kUsage, "--address is '" + address + "', not an IP address");
    }
    GError* error = nullptr;
    GSocket* socket = g_socket_new(g_socket_address_get_family(where), G_SOCKET_TYPE_STREAM,
                                   G_SOCKET_PROTOCOL_TCP, &error);
    if (socket) g_socket_set_listen_backlog(socket, kBacklog);
    const bool listening =
        socket && g_socket_bind(socket, where, TRUE, &error) && g_socket_listen(socket, &error);
    g_object_unref(where);
    if (!listening) {
        if (socket) g_object_unref(socket);
        const std::string why = error->message;
        g_error_free(error);
        throw Failure(ExitCode::kOutput,
                      "cannot listen on " + address + " port " + std::to_string(port) + ": " + why);
    }
    g_socket_set_blocking(socket, FALSE);
    return socket;
}

}  // namespace

Listener::Listener(const std::string& address, int port, GTlsCertificate* certificate, Make make,
                   Accept accept)
    : make_(std::move(make)), accept_(std::move(accept)), listening_(listen_on(address, port)) {
    if (certificate) certificate_ = G_TLS_CERTIFICATE(g_object_ref(certificate));
    resume();
}

Listener::~Listener() {
    if (paused_) g_source_remove(paused_);
    pause();
    for (const auto& connection : connections_) connection->drop();
    g_socket_close(listening_, nullptr);
    g_object_unref(listening_);
    if (certificate_) g_object_unref(certificate_);
}

int Listener::port() const {
    GSocketAddress* address = g_socket_get_local_address(listening_, nullptr);
    const int port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(address));
    g_object_unref(address);
    return port;
}

void Listener::check_times() {
    connections_.remove_if([](const auto& connection) { return connection->is_closed(); });
    const gint64 now = g_get_monotonic_time();
    for (const auto& connection : connections_) {
        if (connection->is_overdue(now)) connection->drop();
    }
}

void Listener::drop_all() {
    for (const auto& connection : connections_) connection->drop();
}

void Listener::resume() {
    source_ = g_socket_create_source(listening_, G_IO_IN, nullptr);
    g_source_set_callback(source_, G_SOURCE_FUNC(on_connection), this, nullptr);
    g_source_attach(source_, nullptr);
}

void Listener::pause() {
    if (!source_) return;
    g_source_destroy(source_);
    g_source_unref(source_);
    source_ = nullptr;
}

gboolean Listener::on_connection(GSocket*, GIOCondition, gpointer self) {
    auto* listener = static_cast<Listener*>(self);
    const bool goes_on = pipelines::guarded("a connection cannot be taken", true, [&] {
        bool room = !listener->is_behind();
        for (int i = 0; i < kAtOnce && room; ++i) {
            if (i > 0 && !(g_socket_condition_check(listener->listening_, G_IO_IN) & G_IO_IN)) {
                break;
            }
            room = listener->accept_one();
        }
        return room;
    });
    if (goes_on) return G_SOURCE_CONTINUE;
    listener->pause();
    listener->paused_ = g_timeout_add(limits::kPauseMs, on_pause_over, self);
    return G_SOURCE_REMOVE;
}

gboolean Listener::on_pause_over(gpointer self) {
    auto* listener = static_cast<Listener*>(self);
    listener->paused_ = 0;
    listener->resume();
    return G_SOURCE_REMOVE;
}

// False: there is no descriptor left, or no memory; a while later there may be.
bool Listener::accept_one() {
    GError* error = nullptr;
    GSocket* socket = g_socket_accept(listening_, nullptr, &error);
    if (socket) {
        admit(socket);
        g_object_unref(socket);
        return true;
    }
    const bool gone = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK) ||
                      g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
    if (!gone) {
        complain(std::string("a connection cannot be taken (") + error->message +
                 "); the oldest that waits makes room");
        drop_oldest(&Connection::is_waiting);
    }
    g_error_free(error);
    return gone;
}

void Listener::admit(GSocket* socket) {
    GSocketAddress* remote = g_socket_get_remote_address(socket, nullptr);
    GSocketAddress* local = g_socket_get_local_address(socket, nullptr);
    GIOStream* stream = G_IO_STREAM(g_socket_connection_factory_create_connection(socket));
    g_socket_set_option(socket, IPPROTO_TCP, TCP_NODELAY, TRUE, nullptr);
    if (certificate_ && remote) {
        GIOStream* inside = stream;
        // No client shows a certificate. Those of the system, which would judge it, take a tenth of
        // a second to load for each connection, unless there is to be no database from the start.
        stream = G_IO_STREAM(
            g_initable_new(g_tls_backend_get_server_connection_type(g_tls_backend_get_default()),
                           nullptr, nullptr, "base-io-stream", inside, "certificate", certificate_,
                           "database", static_cast<GTlsDatabase*>(nullptr), nullptr));
        g_object_unref(inside);
        // Browsers end connections without a word.
        if (stream) g_tls_connection_set_require_close_notify(G_TLS_CONNECTION(stream), FALSE);
    }
    if (remote && local && stream) {  // else it has left already
        const auto connection = make_(socket, network_of(text_of(remote)));
        make_room(connection->address());
        connections_.push_back(connection);
        GIOStream* metered = metered_stream_new(stream, connection);
        accept_({socket, local, remote, metered, connection});
        g_object_unref(metered);
    }
    if (stream) g_object_unref(stream);
    if (local) g_object_unref(local);
    if (remote) g_object_unref(remote);
}

// Dropped connections keep their descriptors until their threads come to them.
bool Listener::is_behind() const {
    return count([](const auto& connection) {
               return connection.is_dropped() && !connection.is_closed();
           }) >= limits::kWaiting;
}

// For one more of this address.
void Listener::make_room(const std::string& address) {
    connections_.remove_if([](const auto& connection) { return connection->is_closed(); });
    const Which of_address = [&](const Connection& connection) {
        return connection.is_waiting() && connection.address() == address;
    };
    if (!is_loopback(address) && count(of_address) >= limits::kWaitingOfAddress) {
        complain(address + " has too many connections; its oldest that waits makes room");
        drop_oldest(of_address);
    }
    if (count(&Connection::is_waiting) >= limits::kWaiting) {
        complain("too many connections; the oldest that waits makes room");
        drop_oldest(&Connection::is_waiting);
    }
    if (certificate_ && count(&Connection::is_silent) >= limits::kHandshakes) {
        complain("too many TLS handshakes; the oldest that waits makes room");
        drop_oldest(&Connection::is_silent);
    }
}

size_t Listener::count(const Which& which) const {
    return std::count_if(connections_.begin(), connections_.end(),
                         [&](const auto& connection) { return which(*connection); });
}

void Listener::drop_oldest(const Which& which) {
    const auto oldest = std::find_if(connections_.begin(), connections_.end(),
                                     [&](const auto& connection) { return which(*connection); });
    if (oldest != connections_.end()) (*oldest)->drop();
}

void Listener::complain(const std::string& about) {
    const gint64 now = g_get_monotonic_time();
    if (complained_at_ && now - complained_at_ < limits::kQuietTime) return;
    complained_at_ = now;
    g_warning("%s", about.c_str());
}

}  // namespace pipelines
