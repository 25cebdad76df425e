#include "pipelines/webrtc/server.h"

#include "pipelines/common/access.h"
#include "pipelines/common/exit_code.h"

namespace webrtc {

namespace {

using nlohmann::json;

constexpr char kSocketPath[] = "/socket";
constexpr size_t kLongestMessage = 64 * 1024;
constexpr guint kKeepAlive = 20;  // seconds between pings, so that a dead connection is noticed

void send(SoupWebsocketConnection* socket, const json& message) {
    if (soup_websocket_connection_get_state(socket) != SOUP_WEBSOCKET_STATE_OPEN) return;
    // What came from outside may not be UTF-8.
    const std::string text = message.dump(-1, ' ', false, json::error_handler_t::replace);
    soup_websocket_connection_send_text(socket, text.c_str());
}

void refuse(SoupServerMessage* message, guint status, const std::string& why) {
    soup_server_message_set_status(message, status, nullptr);
    soup_server_message_set_response(message, "text/plain; charset=utf-8", SOUP_MEMORY_COPY,
                                     why.data(), why.size());
}

/// "turn://user:password@host:port" as browsers take it.
json turn_server(const std::string& turn) {
    const size_t scheme = turn.find("://"), at = turn.rfind('@');
    const std::string login = turn.substr(scheme + 3, at - scheme - 3);
    const size_t colon = login.find(':');
    return {{"urls", turn.substr(0, scheme) + ":" + turn.substr(at + 1)},
            {"username", login.substr(0, colon)},
            {"credential", login.substr(colon + 1)}};
}

json ice_servers(const Network& network) {
    json servers = json::array();
    if (!network.stun.empty()) {
        servers.push_back({{"urls", "stun:" + network.stun.substr(network.stun.find("://") + 3)}});
    }
    if (!network.turn.empty()) servers.push_back(turn_server(network.turn));
    return servers;
}

}  // namespace

Server::Server(const Options& options, Broadcast* broadcast)
    : broadcast_(broadcast),
      gate_(options.token, options.open, options.origins),
      max_viewers_(options.max_viewers),
      ice_servers_(ice_servers(options.network)),
      server_(soup_server_new("server-header", "flashvsr-webrtc", nullptr)) {
    for (const char* path : {"/", kSocketPath}) {  // a path's own handlers take the place of "/"'s
        soup_server_add_early_handler(server_, path, on_request, this, nullptr);
    }
    soup_server_add_handler(server_, nullptr, on_page, this, nullptr);
    soup_server_add_websocket_handler(server_, kSocketPath, nullptr, nullptr, on_socket, this,
                                      nullptr);
    pipelines::check_address(options.address, !options.token.empty(), options.open, "--token");
    listen(options.address, options.port);
    timer_ = g_timeout_add_seconds(1, on_second, this);
}

Server::~Server() {
    g_source_remove(timer_);
    soup_server_disconnect(server_);
    while (!viewers_.empty()) on_closed(viewers_.begin()->first, this);
    g_object_unref(server_);
}

void Server::listen(const std::string& address, int port) {
    GSocketAddress* where = g_inet_socket_address_new_from_string(
        address == "localhost" ? "127.0.0.1" : address.c_str(), port);
    GError* error = nullptr;
    if (!where) {
        throw pipelines::Failure(pipelines::ExitCode::kUsage,
                                 "--address is '" + address + "', not an IP address");
    }
    const bool listening = soup_server_listen(server_, where, {}, &error);
    g_object_unref(where);
    if (!listening) {
        const std::string why = error->message;
        g_error_free(error);
        throw pipelines::Failure(
            pipelines::ExitCode::kOutput,
            "cannot listen on " + address + " port " + std::to_string(port) + ": " + why);
    }
}

std::string Server::url() const {
    GSList* uris = soup_server_get_uris(server_);
    auto* uri = static_cast<GUri*>(uris->data);
    const std::string host = g_uri_get_host(uri);
    const bool any = host == "0.0.0.0" || host == "::";
    gchar* text =
        g_uri_join(G_URI_FLAGS_NONE, "http", nullptr, any ? g_get_host_name() : host.c_str(),
                   g_uri_get_port(uri), "/", nullptr, nullptr);
    const std::string url = text;
    g_free(text);
    g_slist_free_full(uris, reinterpret_cast<GDestroyNotify>(g_uri_unref));
    if (gate_.token().empty()) return url;
    gchar* token = g_uri_escape_string(gate_.token().c_str(), nullptr, /*allow_utf8=*/FALSE);
    const std::string opened = url + "?token=" + token;
    g_free(token);
    return opened;
}

// ---- HTTP ------------------------------------------------------------------------------------

/// Before any other handler: refused requests go no further.
void Server::on_request(SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
                        gpointer self) {
    const auto* server = static_cast<Server*>(self);
    const std::string why = server->gate_.refusal(message, server->page_.is_public(path));
    if (!why.empty()) refuse(message, SOUP_STATUS_FORBIDDEN, why);
}

void Server::on_page(SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
                     gpointer self) {
    const Page::File* file = static_cast<Server*>(self)->page_.find(path);
    const std::string method = soup_server_message_get_method(message);
    if (method != "GET" && method != "HEAD") {
        refuse(message, SOUP_STATUS_METHOD_NOT_ALLOWED, "GET only");
        return;
    }
    if (!file) {
        refuse(message, SOUP_STATUS_NOT_FOUND, "there is no such page");
        return;
    }
    SoupMessageHeaders* headers = soup_server_message_get_response_headers(message);
    soup_message_headers_append(headers, "Cache-Control", "no-cache");
    soup_message_headers_append(headers, "Referrer-Policy", "no-referrer");
    soup_message_headers_append(headers, "X-Content-Type-Options", "nosniff");
    soup_message_headers_append(headers, "Content-Security-Policy",
                                "default-src 'self'; connect-src 'self' ws: wss:; img-src data:; "
                                "frame-ancestors 'none'");
    soup_server_message_set_status(message, SOUP_STATUS_OK, nullptr);
    soup_server_message_set_response(message, file->type, SOUP_MEMORY_COPY, file->text.data(),
                                     file->text.size());
}

// ---- WebSocket -------------------------------------------------------------------------------

void Server::on_socket(SoupServer*, SoupServerMessage*, const char*, Socket socket, gpointer self) {
    static_cast<Server*>(self)->welcome(socket);
}

void Server::welcome(Socket socket) {
    if (viewers_.size() >= max_viewers_) {
        g_object_ref(socket);  // until the reason is sent
        g_signal_connect(socket, "closed", G_CALLBACK(g_object_unref), nullptr);
        soup_websocket_connection_close(socket, SOUP_WEBSOCKET_CLOSE_POLICY_VIOLATION,
                                        "The server has enough viewers.");
        return;
    }
    soup_websocket_connection_set_max_incoming_payload_size(socket, kLongestMessage);
    soup_websocket_connection_set_keepalive_interval(socket, kKeepAlive);
    g_signal_connect(socket, "message", G_CALLBACK(on_message), this);
    g_signal_connect(socket, "closed", G_CALLBACK(on_closed), this);
    g_object_ref(socket);
    viewers_[socket] =
        broadcast_->make_viewer([socket](const json& message) { send(socket, message); });
    send(socket, {{"type", "welcome"}, {"ice-servers", ice_servers_}});
    send(socket, {{"type", "controls"}, {"values", broadcast_->controls()}});
    viewers_[socket]->start();
}

void Server::on_message(Socket socket, gint type, GBytes* data, gpointer self) {
    if (type != SOUP_WEBSOCKET_DATA_TEXT) return;
    gsize size = 0;
    const auto* text = static_cast<const char*>(g_bytes_get_data(data, &size));
    try {
        static_cast<Server*>(self)->answer(socket, json::parse(text, text + size));
    } catch (const json::exception&) {
        soup_websocket_connection_close(socket, SOUP_WEBSOCKET_CLOSE_POLICY_VIOLATION,
                                        "not a message of this server's page");
    }
}

void Server::answer(Socket socket, const json& message) {
    const std::string type = message.at("type");
    const auto& viewer = viewers_.at(socket);
    if (type == "answer") {
        viewer->accept_answer(message.at("sdp"));
    } else if (type == "candidate") {
        viewer->add_candidate(message.at("line"), message.at("candidate"));
    } else if (type == "clock") {
        send(socket, {{"type", "clock"},
                      {"sent", message.at("sent")},
                      {"time", broadcast_->running_time()}});
    } else if (type == "set") {
        set_control(socket, message);
    }
}

void Server::set_control(Socket socket, const json& message) {
    try {
        broadcast_->set_control(message.at("name"), message.at("value"));
    } catch (const pipelines::Failure& failure) {
        send(socket, {{"type", "refused"}, {"why", failure.what()}});
    }
    tell_all({{"type", "controls"}, {"values", broadcast_->controls()}});
}

void Server::on_closed(Socket socket, gpointer self) {
    auto* server = static_cast<Server*>(self);
    if (server->viewers_.erase(socket) == 0) return;
    g_signal_handlers_disconnect_by_data(socket, server);
    g_object_unref(socket);
}

void Server::tell_all(const json& message) {
    for (const auto& [socket, viewer] : viewers_) send(socket, message);
}

gboolean Server::on_second(gpointer self) {
    auto* server = static_cast<Server*>(self);
    json statistics = server->broadcast_->statistics();
    statistics["type"] = "statistics";
    statistics["viewers"] = server->viewers_.size();
    server->tell_all(statistics);
    return G_SOURCE_CONTINUE;
}

}  // namespace webrtc
