// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/connection.h"

#include <sys/socket.h>

namespace pipelines {

Connection::Connection(GSocket* socket, std::string address)
    : socket_(G_SOCKET(g_object_ref(socket))), address_(std::move(address)) {}

Connection::~Connection() { g_object_unref(socket_); }

void Connection::drop() {
    if (dropped_.exchange(true)) return;
    // What is still to be sent is given up as well: the peer may never take it.
    const linger none = {1, 0};
    setsockopt(g_socket_get_fd(socket_), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    g_socket_shutdown(socket_, TRUE, TRUE, nullptr);
}

// TLS says goodbye, and would wait for a peer that does not read.
void Connection::on_closing() {
    if (!(g_socket_condition_check(socket_, G_IO_OUT) & G_IO_OUT)) drop();
}

}  // namespace pipelines
