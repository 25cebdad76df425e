// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/server.h"

#include <gst/video/video.h>

#include <algorithm>
#include <memory>

#include "pipelines/cli/exit_code.h"
#include "pipelines/cli/launch.h"
#include "pipelines/live/access.h"
#include "pipelines/live/guard.h"
#include "pipelines/live/process.h"
#include "pipelines/rtsp/auth.h"
#include "pipelines/rtsp/limits.h"
#include "pipelines/rtsp/transfer.h"

namespace rtsp {

using pipelines::ExitCode;
using pipelines::Failure;

namespace {

constexpr double kBitsPerPixel = 0.1;
constexpr double kKeyFrameSeconds = 2;
constexpr double kUsualRate = 25;     // where the source does not tell its own
constexpr char kViewer[] = "viewer";  // the role of those who may watch

// What RTP carries each kind of coded sound in.
struct Payload {
    const char* caps;
    const char* line;
};
constexpr Payload kPayloads[] = {
    {"audio/x-opus", "rtpopuspay pt=97"},
    {"audio/mpeg,mpegversion=4", "aacparse ! rtpmp4gpay pt=97"},
    {"audio/mpeg,mpegversion=1", "mpegaudioparse ! rtpmpapay pt=97"},
    {"audio/x-mulaw", "rtppcmupay"},
    {"audio/x-alaw", "rtppcmapay"},
    {"audio/x-ac3", "ac3parse ! rtpac3pay pt=97"},
};

// A stream that nobody has asked for leads nowhere, which is no failure.
constexpr char kMayLeadNowhere[] = "tee allow-not-linked=true ! ";

std::string payloader_line(GstCaps* sound) {
    for (const Payload& payload : kPayloads) {
        GstCaps* caps = gst_caps_from_string(payload.caps);
        const bool fits = gst_caps_can_intersect(caps, sound);
        gst_caps_unref(caps);
        if (fits) {
            return std::string("appsrc name=sound ! ") + kMayLeadNowhere + payload.line +
                   " name=pay1 ";
        }
    }
    return {};
}

std::string encoder_line(GstCaps* pictures, int bitrate) {
    GstVideoInfo info;
    gst_video_info_from_caps(&info, pictures);
    const double rate = info.fps_n ? static_cast<double>(info.fps_n) / info.fps_d : kUsualRate;
    if (bitrate == 0) {
        bitrate =
            std::max(200, static_cast<int>(kBitsPerPixel * info.width * info.height * rate / 1000));
    }
    // zerolatency: no frame waits for another one. Viewers may ask for key frames as often as they
    // like, of which everybody gets the same ones.
    return "x264enc tune=zerolatency speed-preset=veryfast "
           "min-force-key-unit-interval=500000000 bitrate=" +
           std::to_string(bitrate) +
           " key-int-max=" + std::to_string(static_cast<int>(kKeyFrameSeconds * rate + 0.5));
}

// What a client's pipeline is fed from, for as long as it is prepared.
struct Feed {
    std::shared_ptr<Outlet> outlet;
    GstAppSrc* entry;  // the pipeline's
};

void stop_feed(GstRTSPMedia*, gpointer feed) {
    static_cast<Feed*>(feed)->outlet->remove(static_cast<Feed*>(feed)->entry);
}

// Feeds the appsrc of this name, if there is one.
void feed(GstRTSPMedia* media, const char* name, const std::shared_ptr<Outlet>& outlet) {
    GstElement* bin = gst_rtsp_media_get_element(media);
    GstElement* entry = pipelines::named(bin, name);
    gst_object_unref(bin);
    if (!entry) return;
    outlet->add(GST_APP_SRC(entry));
    const auto forget = [](gpointer feed, GClosure*) { delete static_cast<Feed*>(feed); };
    g_signal_connect_data(media, "unprepared", G_CALLBACK(stop_feed),
                          new Feed{outlet, GST_APP_SRC(entry)}, forget,
                          static_cast<GConnectFlags>(0));
}

GTlsCertificate* read_certificate(const Options& options) {
    if (options.tls_certificate.empty()) return nullptr;
    GError* error = nullptr;
    GTlsCertificate* certificate = g_tls_certificate_new_from_files(
        options.tls_certificate.c_str(), options.tls_key.c_str(), &error);
    if (!certificate) {
        const std::string message = error->message;
        g_error_free(error);
        throw Failure(ExitCode::kUsage, "--tls-certificate: " + message);
    }
    return certificate;
}

// Everybody watches the same, whatever their URLs have besides the path: an encoder for each of
// "?1", "?2" ... would be the peers' to start.
gchar* key_of_media(GstRTSPMediaFactory*, const GstRTSPUrl*) { return g_strdup("live"); }

// GLib's random numbers, which the library takes, can be told from those that clients get to see.
gchar* new_session_id(GstRTSPSessionPool*) { return g_strdup(pipelines::make_token().c_str()); }

}  // namespace

Server::Server(const Options& options, Live* live, const pipelines::Source::Say& say)
    : options_(options),
      live_(live),
      say_(say),
      certificate_(read_certificate(options)),
      server_(gst_rtsp_server_new()),
      sessions_(gst_rtsp_server_get_session_pool(server_)),
      factory_(gst_rtsp_media_factory_new()) {
    pipelines::allow_descriptors(options.max_viewers, limits::kDescriptorsOfViewer);
    gst_rtsp_session_pool_set_max_sessions(sessions_, options.max_viewers);
    GST_RTSP_SESSION_POOL_GET_CLASS(sessions_)->create_session_id = new_session_id;
    gst_rtsp_server_set_content_length_limit(server_, limits::kLongestBody);
    g_signal_connect(server_, "client-connected", G_CALLBACK(on_client), this);
    g_signal_connect(sessions_, "session-removed", G_CALLBACK(on_session_removed), this);

    gst_rtsp_media_factory_set_shared(factory_, TRUE);
    GST_RTSP_MEDIA_FACTORY_GET_CLASS(factory_)->gen_key = key_of_media;
    GstClock* clock = gst_system_clock_obtain();
    gst_rtsp_media_factory_set_clock(factory_, clock);
    gst_object_unref(clock);
    gst_rtsp_media_factory_set_protocols(
        factory_, static_cast<GstRTSPLowerTrans>(GST_RTSP_LOWER_TRANS_TCP |
                                                 (allows_udp() ? GST_RTSP_LOWER_TRANS_UDP : 0)));
    g_signal_connect(factory_, "media-configure", G_CALLBACK(on_media), this);
    protect();
}

Server::~Server() {
    if (timer_) g_source_remove(timer_);
    listener_.reset();
    g_signal_handlers_disconnect_by_data(factory_, this);
    g_signal_handlers_disconnect_by_data(server_, this);
    g_signal_handlers_disconnect_by_data(sessions_, this);
    const auto send_away = [](GstRTSPServer*, GstRTSPClient* client, gpointer self) {
        g_signal_handlers_disconnect_by_data(client, self);
        return GST_RTSP_FILTER_REMOVE;
    };
    g_list_free(gst_rtsp_server_client_filter(server_, send_away, this));
    if (thread_) {
        g_source_destroy(client_timer_);
        g_source_unref(client_timer_);
        gst_rtsp_thread_stop(thread_);
    }
    g_object_unref(factory_);
    g_object_unref(sessions_);
    g_object_unref(server_);
    if (certificate_) g_object_unref(certificate_);
}

// Passwords. Without any, too, clients may not say where the stream is to be sent.
void Server::protect() {
    GstRTSPAuth* auth = auth_new(options_.users, kViewer, allows_udp(), say_);
    gst_rtsp_media_factory_add_role(factory_, kViewer, GST_RTSP_PERM_MEDIA_FACTORY_ACCESS,
                                    G_TYPE_BOOLEAN, TRUE, GST_RTSP_PERM_MEDIA_FACTORY_CONSTRUCT,
                                    G_TYPE_BOOLEAN, TRUE, nullptr);
    gst_rtsp_server_set_auth(server_, auth);
    g_object_unref(auth);
}

std::string Server::launch_line() const {
    GstCaps* pictures = live_->pictures()->caps();
    GstCaps* sound = live_->sound() ? live_->sound()->caps() : nullptr;
    const std::string encoder =
        options_.encoder.empty() ? encoder_line(pictures, options_.bitrate) : options_.encoder;
    std::string line = "( appsrc name=pictures ! videoconvert ! " + encoder + " ! " +
                       kMayLeadNowhere +
                       "h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1 "
                       "aggregate-mode=zero-latency ";
    if (sound) {
        line += payloader_line(sound);
        gst_caps_unref(sound);
    }
    gst_caps_unref(pictures);
    return line + ")";
}

void Server::listen() {
    const std::string line = launch_line();
    gst_object_unref(pipelines::launch(line));  // says what is wrong before anybody connects
    gst_rtsp_media_factory_set_launch(factory_, line.c_str());
    GstRTSPMountPoints* mounts = gst_rtsp_server_get_mount_points(server_);
    gst_rtsp_mount_points_add_factory(mounts, options_.path.c_str(),
                                      GST_RTSP_MEDIA_FACTORY(g_object_ref(factory_)));
    g_object_unref(mounts);
    GstRTSPThreadPool* threads = gst_rtsp_server_get_thread_pool(server_);
    GstRTSPContext context = {};
    thread_ = gst_rtsp_thread_pool_get_thread(threads, GST_RTSP_THREAD_TYPE_CLIENT, &context);
    g_object_unref(threads);
    client_timer_ = g_timeout_source_new_seconds(1);
    g_source_set_callback(client_timer_, on_client_second, g_object_ref(sessions_), g_object_unref);
    g_source_attach(client_timer_, thread_->context);
    listener_ = std::make_unique<pipelines::Listener>(
        options_.address, options_.port, certificate_,
        [](GSocket* socket, const std::string& address) {
            return std::make_shared<Connection>(socket, address);
        },
        [this](const pipelines::Accepted& accepted) { serve(accepted); });
    timer_ = g_timeout_add_seconds(1, on_second, this);
}

void Server::serve(const pipelines::Accepted& accepted) {
    auto* peer = G_INET_SOCKET_ADDRESS(accepted.remote);
    gchar* ip = g_inet_address_to_string(g_inet_socket_address_get_address(peer));
    admitted_ = std::static_pointer_cast<Connection>(accepted.connection);
    transfer(server_, accepted.socket, accepted.stream, ip, g_inet_socket_address_get_port(peer));
    admitted_.reset();
    g_free(ip);
}

std::string Server::url() const {
    gchar* text = g_uri_join(G_URI_FLAGS_NONE, certificate_ ? "rtsps" : "rtsp", nullptr,
                             options_.address.c_str(), listener_->port(), options_.path.c_str(),
                             nullptr, nullptr);
    const std::string url = text;
    g_free(text);
    return url;
}

// Drops connections that have had their time.
gboolean Server::on_second(gpointer self) {
    auto* server = static_cast<Server*>(self);
    pipelines::guarded("connections", [&] {
        server->hear_of_trouble();
        server->listener_->check_times();
    });
    return G_SOURCE_CONTINUE;
}

// The library keeps a media that has failed until its last viewer has gone, and refuses everybody
// else meanwhile. Who comes again gets a new one.
void Server::hear_of_trouble() {
    std::string text;
    {
        const std::lock_guard lock(trouble_->mutex);
        text.swap(trouble_->text);
    }
    if (text.empty()) return;
    say_("viewers are sent away, and may come again: " + text);
    listener_->drop_all();
}

void Server::on_client(GstRTSPServer*, GstRTSPClient* client, gpointer self) {
    auto* server = static_cast<Server*>(self);
    ++server->clients_;
    give(client, server->admitted_);
    g_signal_connect(client, "closed", G_CALLBACK(on_closed), self);
    g_signal_connect(client, "new-session", G_CALLBACK(on_session), self);
    g_signal_connect(client, "setup-request", G_CALLBACK(on_setup), self);
    g_signal_connect(client, "play-request", G_CALLBACK(on_play), self);
}

// ---- The server's threads --------------------------------------------------------------------

// Forgets viewers that have gone without a word.
gboolean Server::on_client_second(gpointer sessions) {
    gst_rtsp_session_pool_cleanup(GST_RTSP_SESSION_POOL(sessions));
    return G_SOURCE_CONTINUE;
}

// Its sessions end with it: the library would keep them, and with them the socket, for a minute.
void Server::on_closed(GstRTSPClient* client, gpointer self) {
    auto* server = static_cast<Server*>(self);
    --server->clients_;
    const auto is_its_own = [](GstRTSPSessionPool*, GstRTSPSession* session, gpointer client) {
        return connection_of(session) == connection_of(client) ? GST_RTSP_FILTER_REMOVE
                                                               : GST_RTSP_FILTER_KEEP;
    };
    g_list_free_full(gst_rtsp_session_pool_filter(server->sessions_, is_its_own, client),
                     g_object_unref);
}

void Server::on_session(GstRTSPClient* client, GstRTSPSession* session, gpointer) {
    const auto connection = connection_of(client);
    give(session, connection);
    connection->begin_session();
}

void Server::on_session_removed(GstRTSPSessionPool*, GstRTSPSession* session, gpointer) {
    const auto connection = connection_of(session);
    if (connection) connection->end_session();
}

void Server::on_setup(GstRTSPClient* client, GstRTSPContext* context, gpointer) {
    const GstRTSPTransport* transport = gst_rtsp_stream_transport_get_transport(context->trans);
    if (transport->lower_transport == GST_RTSP_LOWER_TRANS_TCP) {
        connection_of(client)->begin_stream();
    }
}

// Who comes to a running stream need not wait for the next key frame.
void Server::on_play(GstRTSPClient*, GstRTSPContext* context, gpointer) {
    if (!context->media) return;
    GstElement* bin = gst_rtsp_media_get_element(context->media);
    GstElement* payloader = pipelines::named(bin, "pay0");
    gst_object_unref(bin);
    GstPad* pad = gst_element_get_static_pad(payloader, "sink");
    gst_pad_push_event(pad,
                       gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, TRUE, 0));
    gst_object_unref(pad);
}

void Server::on_media(GstRTSPMediaFactory*, GstRTSPMedia* media, gpointer self) {
    auto* server = static_cast<Server*>(self);
    feed(media, "pictures", server->live_->pictures());
    feed(media, "sound", server->live_->sound());
    GstElement* bin = gst_rtsp_media_get_element(media);
    GstObject* pipeline = gst_object_get_parent(GST_OBJECT(bin));
    GstBus* bus = gst_element_get_bus(GST_ELEMENT(pipeline));
    gst_bus_enable_sync_message_emission(bus);
    const auto forget = [](gpointer trouble, GClosure*) {
        delete static_cast<std::shared_ptr<Trouble>*>(trouble);
    };
    g_signal_connect_data(bus, "sync-message::error", G_CALLBACK(on_error),
                          new std::shared_ptr<Trouble>(server->trouble_), forget,
                          static_cast<GConnectFlags>(0));
    gst_object_unref(bus);
    gst_object_unref(pipeline);
    gst_object_unref(bin);
}

void Server::on_error(GstBus*, GstMessage* message, gpointer trouble) {
    const auto& noted = *static_cast<std::shared_ptr<Trouble>*>(trouble);
    const std::lock_guard lock(noted->mutex);
    noted->text = pipelines::text_of(message);
}

}  // namespace rtsp
