// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/transfer.h"

namespace rtsp {

namespace {

GIOStreamClass tcp_class;  // as it was before

GQuark stream_key() {
    static const GQuark key = g_quark_from_static_string("flashvsr-stream");
    return key;
}

void give(gpointer object, GIOStream* stream) {
    g_object_set_qdata_full(G_OBJECT(object), stream_key(), stream, g_object_unref);
}

// What the connection uses in the socket's place; null: nothing. The first one that asks takes it
// from the socket, which the stream holds in turn.
GIOStream* stream_of(GIOStream* connection) {
    auto* own = static_cast<GIOStream*>(g_object_get_qdata(G_OBJECT(connection), stream_key()));
    if (own) return own;
    GSocket* socket = g_socket_connection_get_socket(G_SOCKET_CONNECTION(connection));
    auto* brought = static_cast<GIOStream*>(g_object_steal_qdata(G_OBJECT(socket), stream_key()));
    if (brought) give(connection, brought);
    return brought;
}

GInputStream* input_of(GIOStream* connection) {
    GIOStream* stream = stream_of(connection);
    return stream ? g_io_stream_get_input_stream(stream) : tcp_class.get_input_stream(connection);
}

GOutputStream* output_of(GIOStream* connection) {
    GIOStream* stream = stream_of(connection);
    return stream ? g_io_stream_get_output_stream(stream) : tcp_class.get_output_stream(connection);
}

gboolean close(GIOStream* connection, GCancellable* cancellable, GError** error) {
    GIOStream* stream = stream_of(connection);
    return stream ? g_io_stream_close(stream, cancellable, error)
                  : tcp_class.close_fn(connection, cancellable, error);
}

// Returns whether it is done.
bool teach_tcp_connections() {
    auto* tcp = static_cast<GIOStreamClass*>(g_type_class_ref(G_TYPE_TCP_CONNECTION));
    tcp_class = *tcp;
    tcp->get_input_stream = input_of;
    tcp->get_output_stream = output_of;
    tcp->close_fn = close;
    return true;
}

}  // namespace

void transfer(GstRTSPServer* server, GSocket* socket, GIOStream* stream, const std::string& ip,
              int port) {
    static const bool taught = teach_tcp_connections();
    if (!taught) return;
    give(socket, G_IO_STREAM(g_object_ref(stream)));
    gst_rtsp_server_transfer_connection(server, G_SOCKET(g_object_ref(socket)), ip.c_str(), port,
                                        nullptr);
    g_object_set_qdata(G_OBJECT(socket), stream_key(), nullptr);  // where it came to nothing
}

}  // namespace rtsp
