// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/server.h"

#include <algorithm>

#include "pipelines/cli/exit_code.h"
#include "pipelines/live/access.h"
#include "pipelines/live/guard.h"
#include "pipelines/live/process.h"
#include "pipelines/webrtc/limits.h"

namespace webrtc {

namespace {

using nlohmann::json;
using pipelines::guarded;

constexpr char kSocketPath[] = "/socket";
constexpr size_t kFrameHeader = 4;  // at most: the longest message is shorter than 64 KiB
constexpr guint kControlsMs = 50;   // between two messages about controls
constexpr gint64 kPartingTime = 2 * G_USEC_PER_SEC;  // for viewers at the end of the program

constexpr char kContentPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

void refuse(SoupServerMessage* message, guint status, const std::string& why) {
    soup_server_message_set_status(message, status, nullptr);
    soup_server_message_set_response(message, "text/plain; charset=utf-8", SOUP_MEMORY_COPY,
                                     why.data(), why.size());
}

// "turn://user:password@host:port" as browsers take it.
json turn_server(const std::string& turn) {
    const size_t scheme = turn.find("://"), at = turn.rfind('@');
    const std::string login = turn.substr(scheme + 3, at - scheme - 3);
    const size_t colon = login.find(':');
    return {{"urls", turn.substr(0, scheme) + ":" + turn.substr(at + 1)},
            {"username", login.substr(0, colon)},
            {"credential", login.substr(colon + 1)}};
}

using Certificate = std::unique_ptr<GTlsCertificate, decltype(&g_object_unref)>;

Certificate read_certificate(const std::string& certificate, const std::string& key) {
    if (certificate.empty()) return {nullptr, g_object_unref};
    GError* error = nullptr;
    GTlsCertificate* read =
        key.empty() ? g_tls_certificate_new_from_file(certificate.c_str(), &error)
                    : g_tls_certificate_new_from_files(certificate.c_str(), key.c_str(), &error);
    if (read) return {read, g_object_unref};
    const std::string why = error->message;
    g_error_free(error);
    throw pipelines::Failure(pipelines::ExitCode::kUsage,
                             "--tls-certificate " + certificate + ": " + why);
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
      tls_(!options.tls_certificate.empty()),
      secure_cookie_(tls_ || options.secure_cookie),
      address_(options.address),
      ice_servers_(ice_servers(options.network)) {
    pipelines::check_address(options.address, !options.token.empty(), options.open, "--token");
    pipelines::allow_descriptors(max_viewers_, limits::kDescriptorsOfViewer);
    const auto certificate = read_certificate(options.tls_certificate, options.tls_key);
    listener_ = std::make_unique<pipelines::Listener>(
        options.address, options.port, certificate.get(),
        [](GSocket* socket, const std::string& address) {
            return std::make_shared<Connection>(socket, address);
        },
        [this](const pipelines::Accepted& accepted) {
            Connection::tell(accepted.remote,
                             std::static_pointer_cast<Connection>(accepted.connection));
            soup_server_accept_iostream(server_, accepted.stream, accepted.local, accepted.remote,
                                        nullptr);
        });
    // From here on nothing fails.
    server_ = soup_server_new("server-header", "flashvsr-webrtc", nullptr);
    for (const char* path : {"/", kSocketPath}) {  // a path's own handlers take the place of "/"'s
        soup_server_add_early_handler(server_, path, on_request, this, nullptr);
    }
    soup_server_add_handler(server_, nullptr, on_page, this, nullptr);
    soup_server_add_websocket_handler(server_, kSocketPath, nullptr, nullptr, on_socket, this,
                                      nullptr);
    // What is inflated would count for nothing in the limits.
    soup_server_remove_websocket_extension(server_, SOUP_TYPE_WEBSOCKET_EXTENSION_DEFLATE);
    timer_ = g_timeout_add_seconds(1, on_second, this);
}

Server::~Server() {
    g_source_remove(timer_);
    if (controls_timer_) g_source_remove(controls_timer_);
    while (!sockets_.empty()) forget(*sockets_.begin());
    listener_.reset();
    const gint64 end = g_get_monotonic_time() + kPartingTime;
    while (leaving() > 0 && g_get_monotonic_time() < end) {
        if (!g_main_context_iteration(nullptr, FALSE)) g_usleep(1000);
    }
    soup_server_disconnect(server_);
    g_object_unref(server_);
}

std::string Server::url() const {
    const bool any = address_ == "0.0.0.0" || address_ == "::";
    gchar* text = g_uri_join(G_URI_FLAGS_NONE, tls_ ? "https" : "http", nullptr,
                             any ? g_get_host_name() : address_.c_str(), listener_->port(), "/",
                             nullptr, nullptr);
    const std::string url = text;
    g_free(text);
    if (gate_.token().empty()) return url;
    gchar* token = g_uri_escape_string(gate_.token().c_str(), nullptr, /*allow_utf8=*/FALSE);
    const std::string opened = url + "?token=" + token;
    g_free(token);
    return opened;
}

// ---- HTTP ------------------------------------------------------------------------------------

// Before any other handler: refused requests go no further.
void Server::on_request(SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
                        gpointer self) {
    const bool done = guarded("a request", [&] {
        const auto* server = static_cast<Server*>(self);
        // The library would put together as many parts that overlap as the header names.
        soup_message_headers_remove(soup_server_message_get_request_headers(message), "Range");
        SoupMessageHeaders* headers = soup_server_message_get_response_headers(message);
        soup_message_headers_append(headers, "Cache-Control", "no-cache");
        soup_message_headers_append(headers, "Referrer-Policy", "no-referrer");
        soup_message_headers_append(headers, "X-Content-Type-Options", "nosniff");
        soup_message_headers_append(headers, "Cross-Origin-Opener-Policy", "same-origin");
        soup_message_headers_append(headers, "Cross-Origin-Resource-Policy", "same-origin");
        soup_message_headers_append(headers, "Content-Security-Policy", kContentPolicy);
        const std::string why = server->gate_.refusal(message, server->page_.is_public(path));
        if (!why.empty()) refuse(message, SOUP_STATUS_FORBIDDEN, why);
    });
    if (!done) soup_server_message_set_status(message, SOUP_STATUS_INTERNAL_SERVER_ERROR, nullptr);
}

void Server::on_page(SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
                     gpointer self) {
    const bool done =
        guarded("a request", [&] { static_cast<Server*>(self)->answer_request(message, path); });
    if (!done) soup_server_message_set_status(message, SOUP_STATUS_INTERNAL_SERVER_ERROR, nullptr);
}

void Server::answer_request(SoupServerMessage* message, const char* path) {
    SoupMessageHeaders* headers = soup_server_message_get_response_headers(message);
    soup_message_headers_append(headers, "Connection", "close");
    const Page::File* file = page_.find(path);
    const std::string method = soup_server_message_get_method(message);
    if (method != "GET" && method != "HEAD") {
        refuse(message, SOUP_STATUS_METHOD_NOT_ALLOWED, "GET only");
        return;
    }
    if (!file) {
        refuse(message, SOUP_STATUS_NOT_FOUND, "there is no such page");
        return;
    }
    if (gate_.shows_token(message)) {  // from here on a cookie stands for it
        soup_message_headers_append(headers, "Set-Cookie",
                                    gate_.cookie(listener_->port(), secure_cookie_).c_str());
        soup_message_headers_append(headers, "Location", "./");
        refuse(message, SOUP_STATUS_SEE_OTHER, "");
        return;
    }
    soup_server_message_set_status(message, SOUP_STATUS_OK, nullptr);
    soup_server_message_set_response(message, file->type, SOUP_MEMORY_COPY, file->text.data(),
                                     file->text.size());
}

// ---- WebSocket -------------------------------------------------------------------------------

void Server::on_socket(SoupServer*, SoupServerMessage* message, const char*, Socket socket,
                       gpointer self) {
    const auto connection = Connection::of(soup_server_message_get_remote_address(message));
    const bool done = guarded("a viewer", [&] {
        if (connection->become_socket()) static_cast<Server*>(self)->welcome(socket, connection);
    });
    if (!done) connection->drop();
}

void Server::welcome(Socket socket, const std::shared_ptr<Connection>& connection) {
    sockets_.insert(static_cast<Socket>(g_object_ref(socket)));
    g_signal_connect(socket, "closed", G_CALLBACK(on_closed), this);
    const char* refusal = seats_.size() + leaving() >= max_viewers_
                              ? "The server has enough viewers."
                          : !may_come(connection->address()) ? "Too many new viewers from there."
                                                             : nullptr;
    if (refusal) {
        soup_websocket_connection_close(socket, SOUP_WEBSOCKET_CLOSE_POLICY_VIOLATION, refusal);
        return;
    }
    soup_websocket_connection_set_max_incoming_payload_size(socket, limits::kLongestMessage);
    soup_websocket_connection_set_keepalive_interval(socket, limits::kPingPeriod);
    g_signal_connect(socket, "message", G_CALLBACK(on_message), this);
    const auto viewer =
        broadcast_->make_viewer([this, socket](const json& message) { send(socket, message); });
    seats_[socket] = {viewer, connection};
    connection->set_viewer(true);
    send(socket, {{"type", "welcome"}, {"ice-servers", ice_servers_}});
    send(socket, {{"type", "controls"}, {"values", broadcast_->controls()}});
    viewer->start();
}

void Server::on_message(Socket socket, gint type, GBytes* data, gpointer self) {
    auto* server = static_cast<Server*>(self);
    if (server->seats_.count(socket) == 0) return;  // is closing
    const bool done = guarded("a message", [&] {
        gsize size = 0;
        const auto* text = static_cast<const char*>(g_bytes_get_data(data, &size));
        try {
            if (type != SOUP_WEBSOCKET_DATA_TEXT) throw BadMessage("it is not text");
            server->answer(socket, parse_message(text, size));
        } catch (const BadMessage& bad) {
            server->part(socket, std::string("Not a message of this server's page: ") + bad.what());
        }
    });
    if (!done) server->part(socket, "The server could not answer.");
}

void Server::answer(Socket socket, const Message& message) {
    const auto viewer = seats_.at(socket).viewer;
    switch (message.type) {
        case Message::Type::kAnswer: viewer->accept_answer(message.sdp); break;
        case Message::Type::kCandidate:
            viewer->add_candidate(message.line, message.candidate);
            break;
        case Message::Type::kClock:
            send(socket,
                 {{"type", "clock"}, {"sent", message.sent}, {"time", broadcast_->running_time()}});
            break;
        case Message::Type::kSet: set_control(socket, message); break;
    }
}

// However fast somebody sets controls, the others hear of it a few times a second.
void Server::set_control(Socket socket, const Message& message) {
    try {
        broadcast_->set_control(message.name, message.value);
    } catch (const pipelines::Failure& failure) {
        send(socket, {{"type", "refused"}, {"why", failure.what()}});
    }
    if (!controls_timer_) controls_timer_ = g_timeout_add(kControlsMs, on_controls_due, this);
}

gboolean Server::on_controls_due(gpointer self) {
    auto* server = static_cast<Server*>(self);
    server->controls_timer_ = 0;
    guarded("controls", [&] {
        server->tell_all({{"type", "controls"}, {"values", server->broadcast_->controls()}});
    });
    return G_SOURCE_REMOVE;
}

// Ends a viewer that does what it may not, or does nothing. Its place is free at once; closing
// the WebSocket may take as long as a request.
void Server::part(Socket socket, const std::string& why) {
    if (seats_.count(socket) == 0) return;
    send(socket, {{"type", "error"}, {"why", why}});
    const auto connection = seats_.at(socket).connection;
    leave(socket);
    if (soup_websocket_connection_get_state(socket) == SOUP_WEBSOCKET_STATE_OPEN) {
        soup_websocket_connection_close(socket, SOUP_WEBSOCKET_CLOSE_POLICY_VIOLATION,
                                        why.substr(0, 120).c_str());
    }
}

void Server::leave(Socket socket) {
    const auto found = seats_.find(socket);
    if (found == seats_.end()) return;
    const Seat seat = found->second;
    seats_.erase(found);
    seat.connection->set_viewer(false);
    seat.viewer->leave();
    leaving_.push_back(seat.viewer);
}

// Whether the address has not brought too many viewers lately. A proxy on this machine brings all.
bool Server::may_come(const std::string& address) {
    if (pipelines::is_loopback(address)) return true;
    const pipelines::Allowance all(limits::kViewersPerSecond, limits::kViewersAtOnce);
    return newcomers_.try_emplace(address, all).first->second.take(g_get_monotonic_time());
}

// Viewers that are gone, but whose peers still hold sockets.
size_t Server::leaving() {
    leaving_.erase(std::remove_if(leaving_.begin(), leaving_.end(),
                                  [](const auto& viewer) { return viewer.expired(); }),
                   leaving_.end());
    return leaving_.size();
}

void Server::on_closed(Socket socket, gpointer self) {
    guarded("a viewer", [&] { static_cast<Server*>(self)->forget(socket); });
}

void Server::forget(Socket socket) {
    leave(socket);
    if (sockets_.erase(socket) == 0) return;
    g_signal_handlers_disconnect_by_data(socket, this);
    g_object_unref(socket);
}

void Server::send(Socket socket, const json& message) {
    const auto seat = seats_.find(socket);
    if (seat == seats_.end() ||
        soup_websocket_connection_get_state(socket) != SOUP_WEBSOCKET_STATE_OPEN) {
        return;
    }
    // What came from outside may not be UTF-8.
    const std::string text = message.dump(-1, ' ', false, json::error_handler_t::replace);
    seat->second.connection->queue(text.size() + kFrameHeader);
    soup_websocket_connection_send_text(socket, text.c_str());
}

void Server::tell_all(const json& message) {
    for (const auto& [socket, seat] : seats_) send(socket, message);
}

gboolean Server::on_second(gpointer self) {
    guarded("statistics", [&] {
        auto* server = static_cast<Server*>(self);
        server->listener_->check_times();
        auto& newcomers = server->newcomers_;
        for (auto at = newcomers.begin(); at != newcomers.end();) {
            at = at->second.is_full(g_get_monotonic_time()) ? newcomers.erase(at) : std::next(at);
        }
        std::map<Socket, std::string> overdue;
        for (const auto& [socket, seat] : server->seats_) {
            const std::string why = seat.viewer->overdue();
            if (!why.empty()) overdue[socket] = why;
        }
        for (const auto& [socket, why] : overdue) server->part(socket, why);
        server->tell_statistics();
    });
    return G_SOURCE_CONTINUE;
}

void Server::tell_statistics() {
    json statistics = broadcast_->statistics();
    statistics["type"] = "statistics";
    statistics["viewers"] = seats_.size();
    tell_all(statistics);
}

}  // namespace webrtc
