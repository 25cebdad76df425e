#ifndef FLASHVSR_PIPELINES_RTSP_SERVER_H_
#define FLASHVSR_PIPELINES_RTSP_SERVER_H_

#include <gst/rtsp-server/rtsp-server.h>

#include <atomic>
#include <string>

#include "pipelines/rtsp/live.h"
#include "pipelines/rtsp/options.h"

namespace rtsp {

/// Serves what leaves the running pipeline. While anybody watches there is one encoder for all of
/// them:
///
///     pictures -> appsrc ! encoder ! rtph264pay
///     sound    -> appsrc ! payloader
///
/// Called from the main thread; the server's own threads look after the clients.
class Server {
  public:
    /// Reads the certificate. Throws Failure (kUsage). `live` outlives the server.
    Server(const Options& options, Live* live);
    /// Sends every client away.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Begins to listen, once the pipeline has given its first picture: what there is to serve is
    /// known then. Throws Failure: kFailed where the port is taken.
    void listen();

    bool listening() const { return attached_ != 0; }
    std::string url() const;
    int clients() const { return clients_; }

  private:
    void protect();
    std::string launch_line() const;

    static void on_client(GstRTSPServer*, GstRTSPClient* client, gpointer self);
    static void on_closed(GstRTSPClient*, gpointer self);
    static void on_play(GstRTSPClient*, GstRTSPContext* context, gpointer self);
    static void on_media(GstRTSPMediaFactory*, GstRTSPMedia* media, gpointer self);
    static gboolean on_cleanup(gpointer server);

    const Options& options_;
    Live* const live_;
    GstRTSPServer* server_;
    GstRTSPMediaFactory* factory_;
    guint attached_ = 0, cleanup_ = 0;  // ids in the main context
    std::atomic<int> clients_{0};
};

}  // namespace rtsp

#endif  // FLASHVSR_PIPELINES_RTSP_SERVER_H_
