// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/rtsp-server/rtsp-server.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "pipelines/live/listener.h"
#include "pipelines/rtsp/connection.h"
#include "pipelines/rtsp/live.h"
#include "pipelines/rtsp/options.h"

namespace rtsp {

// Serves what leaves the running pipeline. While anybody watches there is one encoder for all of
// them:
//
//     pictures -> appsrc ! encoder ! rtph264pay
//     sound    -> appsrc ! payloader
//
// Called from the main thread; the server's own threads look after the clients.
class Server {
  public:
    // Reads the certificate. Throws Failure (kUsage). `live` outlives the server; `say` gets a
    // line for a person at a wrong password, on any thread.
    Server(const Options& options, Live* live, const pipelines::Source::Say& say);
    // Sends every client away.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Begins to listen, once the pipeline has given its first picture: what there is to serve is
    // known then. Throws Failure: kOutput where the port is taken.
    void listen();

    bool listening() const { return listener_ != nullptr; }
    std::string url() const;
    int clients() const { return clients_; }

  private:
    // What went wrong with the encoder or a payloader, until somebody has heard of it.
    struct Trouble {
        std::mutex mutex;
        std::string text;
    };

    void protect();
    // Over UDP the stream would go past the TLS connection.
    bool allows_udp() const { return options_.udp && !certificate_; }
    void hear_of_trouble();
    void serve(const pipelines::Accepted& accepted);
    std::string launch_line() const;

    static void on_client(GstRTSPServer*, GstRTSPClient* client, gpointer self);
    static void on_closed(GstRTSPClient* client, gpointer self);
    static void on_session(GstRTSPClient* client, GstRTSPSession* session, gpointer);
    static void on_session_removed(GstRTSPSessionPool*, GstRTSPSession* session, gpointer);
    static void on_setup(GstRTSPClient* client, GstRTSPContext* context, gpointer);
    static void on_play(GstRTSPClient*, GstRTSPContext* context, gpointer self);
    static void on_media(GstRTSPMediaFactory*, GstRTSPMedia* media, gpointer self);
    static void on_error(GstBus*, GstMessage* message, gpointer trouble);
    static gboolean on_second(gpointer self);
    static gboolean on_client_second(gpointer sessions);

    const Options& options_;
    Live* const live_;
    const pipelines::Source::Say say_;
    const std::shared_ptr<Trouble> trouble_ = std::make_shared<Trouble>();
    GTlsCertificate* const certificate_;  // null: no TLS
    GstRTSPServer* server_;
    GstRTSPSessionPool* sessions_;
    GstRTSPMediaFactory* factory_;
    std::unique_ptr<pipelines::Listener> listener_;
    std::shared_ptr<Connection> admitted_;  // while the library is given it
    // That of all clients, the only one that takes a viewer in or forgets it: who came while the
    // last one is forgotten on another thread would be refused. Were it left to the library, it
    // would end with the last client, and what of it is not cleaned up by then never would be.
    GstRTSPThread* thread_ = nullptr;
    GSource* client_timer_ = nullptr;  // on that thread
    guint timer_ = 0;                  // id in the main context
    std::atomic<int> clients_{0};
};

}  // namespace rtsp
