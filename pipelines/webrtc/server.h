#ifndef FLASHVSR_PIPELINES_WEBRTC_SERVER_H_
#define FLASHVSR_PIPELINES_WEBRTC_SERVER_H_

#include <libsoup/soup.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "pipelines/webrtc/broadcast.h"
#include "pipelines/webrtc/gate.h"
#include "pipelines/webrtc/options.h"
#include "pipelines/webrtc/page.h"

namespace webrtc {

/// HTTP: the page, and a WebSocket for every viewer, over which peers are set up, controls are set
/// and statistics are told. All of it on the main thread. docs/live.md lists the messages.
class Server {
  public:
    /// Listens. `broadcast` outlives the server. Throws Failure (kOutput) where the address cannot
    /// be listened on.
    Server(const Options& options, Broadcast* broadcast);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// What to open in a browser, with the token if there is one.
    std::string url() const;
    size_t viewers() const { return viewers_.size(); }

  private:
    using Socket = SoupWebsocketConnection*;

    void listen(const std::string& address, int port);
    void welcome(Socket socket);
    void answer(Socket socket, const nlohmann::json& message);
    void set_control(Socket socket, const nlohmann::json& message);
    void tell_all(const nlohmann::json& message);

    static void on_request(SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
                           gpointer self);
    static void on_page(SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
                        gpointer self);
    static void on_socket(SoupServer*, SoupServerMessage*, const char*, Socket socket,
                          gpointer self);
    static void on_message(Socket socket, gint type, GBytes* data, gpointer self);
    static void on_closed(Socket socket, gpointer self);
    static gboolean on_second(gpointer self);

    Broadcast* broadcast_;
    const Gate gate_;
    const Page page_;
    const size_t max_viewers_;
    nlohmann::json ice_servers_;
    SoupServer* server_;
    guint timer_;
    std::map<Socket, std::shared_ptr<Viewer>> viewers_;  // holds a reference to each socket
};

}  // namespace webrtc

#endif  // FLASHVSR_PIPELINES_WEBRTC_SERVER_H_
