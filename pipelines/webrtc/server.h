// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libsoup/soup.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "pipelines/live/allowance.h"
#include "pipelines/live/listener.h"
#include "pipelines/webrtc/broadcast.h"
#include "pipelines/webrtc/connection.h"
#include "pipelines/webrtc/gate.h"
#include "pipelines/webrtc/message.h"
#include "pipelines/webrtc/options.h"
#include "pipelines/webrtc/page.h"

namespace webrtc {

// HTTP: the page, and a WebSocket for every viewer, over which peers are set up, controls are set
// and statistics are told. All of it on the main thread. docs/live.md lists the messages.
class Server {
  public:
    // Listens. `broadcast` outlives the server. Throws Failure (kOutput) where the address cannot
    // be listened on.
    Server(const Options& options, Broadcast* broadcast);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // What to open in a browser, with the token if there is one.
    std::string url() const;

  private:
    using Socket = SoupWebsocketConnection*;
    struct Seat {
        std::shared_ptr<Viewer> viewer;
        std::shared_ptr<Connection> connection;
    };

    void answer_request(SoupServerMessage* message, const char* path);
    void welcome(Socket socket, const std::shared_ptr<Connection>& connection);
    void answer(Socket socket, const Message& message);
    void set_control(Socket socket, const Message& message);
    void part(Socket socket, const std::string& why);
    void leave(Socket socket);
    void forget(Socket socket);
    bool may_come(const std::string& address);
    size_t leaving();
    void send(Socket socket, const nlohmann::json& message);
    void tell_all(const nlohmann::json& message);
    void tell_statistics();

    static void on_request(SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
                           gpointer self);
    static void on_page(SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
                        gpointer self);
    static void on_socket(SoupServer*, SoupServerMessage*, const char*, Socket socket,
                          gpointer self);
    static void on_message(Socket socket, gint type, GBytes* data, gpointer self);
    static void on_closed(Socket socket, gpointer self);
    static gboolean on_second(gpointer self);
    static gboolean on_controls_due(gpointer self);

    Broadcast* broadcast_;
    const Gate gate_;
    const Page page_;
    const size_t max_viewers_;
    const bool tls_, secure_cookie_;
    const std::string address_;
    nlohmann::json ice_servers_;
    SoupServer* server_ = nullptr;
    std::unique_ptr<pipelines::Listener> listener_;
    guint timer_, controls_timer_ = 0;  // ids in the main context
    std::set<Socket> sockets_;          // holds a reference to each; some have no seat
    std::map<Socket, Seat> seats_;
    std::map<std::string, pipelines::Allowance> newcomers_;  // by address; none: it has all
    std::vector<std::weak_ptr<Viewer>> leaving_;             // viewers whose peer is still busy
};

}  // namespace webrtc
