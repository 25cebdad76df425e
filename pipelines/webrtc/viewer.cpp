// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/viewer.h"

#define GST_USE_UNSTABLE_API
#include <gst/sdp/sdp.h>
#include <gst/video/video.h>
#include <gst/webrtc/webrtc.h>

#include "pipelines/cli/exit_code.h"
#include "pipelines/cli/launch.h"
#include "pipelines/live/bridge.h"
#include "pipelines/live/guard.h"
#include "pipelines/webrtc/answer.h"
#include "pipelines/webrtc/limits.h"
#include "pipelines/webrtc/main_thread.h"
#include "pipelines/webrtc/message.h"

namespace webrtc {

namespace {

using nlohmann::json;
using pipelines::guarded;

constexpr const char* kVideos[] = {"input", "output"};  // in the order of the offer's lines

// Source and payloader of each video.
std::string launch_line(const Codec& codec) {
    std::string line = "webrtcbin name=peer bundle-policy=max-bundle";
    for (int i = 0; i < 2; ++i) {
        const std::string name = kVideos[i];
        // What a viewer cannot take in time is dropped: it asks for a key frame then.
        line.append(" appsrc name=").append(name);
        line.append(" is-live=true format=time max-time=1000000000 leaky-type=downstream ! ");
        line.append(codec.payloader)
            .append(" name=")
            .append(name)
            .append("-payloader ! peer.sink_");
        line.append(std::to_string(i));
    }
    return line;
}

void watch_upstream(GstElement* source, GstPadProbeCallback callback, Feed* feed) {
    GstPad* pad = gst_element_get_static_pad(source, "src");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_UPSTREAM, callback, feed, nullptr);
    gst_object_unref(pad);
}

void prepare_network(GstElement* peer, const Network& network) {
    if (!network.stun.empty()) g_object_set(peer, "stun-server", network.stun.c_str(), nullptr);
    if (!network.turn.empty()) g_object_set(peer, "turn-server", network.turn.c_str(), nullptr);
    GObject *agent = nullptr, *nice = nullptr;
    g_object_get(peer, "ice-agent", &agent, nullptr);
    g_object_get(agent, "agent", &nice, nullptr);
    // libnice would look for routers on every network and have them open ports.
    g_object_set(nice, "upnp", FALSE, nullptr);
    g_object_unref(nice);
    if (!network.address.empty()) {
        gboolean added = FALSE;
        g_signal_emit_by_name(agent, "add-local-ip-address", network.address.c_str(), &added);
        if (!added) g_warning("media cannot be sent from %s", network.address.c_str());
    }
    if (network.first_port) {
        g_object_set(agent, "min-rtp-port", network.first_port, "max-rtp-port", network.last_port,
                     nullptr);
    }
    g_object_unref(agent);
}

}  // namespace

void Viewer::check_elements(const Codec& codec) {
    // webrtcbin makes the others itself, and aborts without some of them.
    for (const char* name : {"webrtcbin", "rtpbin", "rtprtxsend", "nicesrc", "nicesink",
                             "dtlssrtpenc", "dtlssrtpdec", "srtpenc", "srtpdec"}) {
        GstElementFactory* factory = gst_element_factory_find(name);
        if (!factory) {
            throw pipelines::Failure(pipelines::ExitCode::kMissing,
                                     "no element \"" + std::string(name) +
                                         "\" (of gstreamer1.0-plugins-good, -plugins-bad or "
                                         "-nice; GST_PLUGIN_PATH names folders with more)");
        }
        gst_object_unref(factory);
    }
    gst_object_unref(pipelines::launch(launch_line(codec)));
}

Viewer::Viewer(GstElement* shared, Feed* input, Feed* output, const Codec& codec,
               const Network& network, Send send)
    : input_(input),
      output_(output),
      send_(std::move(send)),
      pipeline_(pipelines::launch(launch_line(codec))),
      peer_(pipelines::named(pipeline_, "peer")),
      input_source_(pipelines::named(pipeline_, "input")),
      output_source_(pipelines::named(pipeline_, "output")) {
    prepare_network(peer_, network);
    offer_only(codec.offer);
    watch_upstream(input_source_, on_upstream_event, input_);
    watch_upstream(output_source_, on_upstream_event, output_);
    pipelines::use_shared_clock(pipeline_);
    GstBus* bus = gst_element_get_bus(pipeline_);
    gst_bus_add_watch(bus, on_message, this);
    gst_object_unref(bus);
    gst_element_set_start_time(pipeline_, GST_CLOCK_TIME_NONE);
    gst_element_set_base_time(pipeline_, gst_element_get_base_time(shared));
}

Viewer::~Viewer() {
    leave();
    GstBus* bus = gst_element_get_bus(pipeline_);
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
}

// Both videos are sent, in this coding, and none is received. Browsers tell them apart by ssrc.
void Viewer::offer_only(const char* coding) {
    for (int line = 0; line < 2; ++line) {
        const guint ssrc = g_random_int();
        g_object_set(
            pipelines::named(pipeline_, (std::string(kVideos[line]) + "-payloader").c_str()),
            "ssrc", ssrc, nullptr);
        GstCaps* caps = gst_caps_from_string(coding);
        gst_caps_set_simple(caps, "ssrc", G_TYPE_UINT, ssrc, nullptr);
        GstWebRTCRTPTransceiver* transceiver = nullptr;
        g_signal_emit_by_name(peer_, "get-transceiver", line, &transceiver);
        g_object_set(transceiver, "direction", GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_SENDONLY,
                     "codec-preferences", caps, "do-nack", TRUE, nullptr);
        gst_object_unref(transceiver);
        gst_caps_unref(caps);
    }
}

void Viewer::watch(const char* signal, GCallback callback) {
    const auto destroy = [](gpointer weak, GClosure*) { free_weak(weak); };
    g_signal_connect_data(peer_, signal, callback, new Weak(weak_from_this()), destroy,
                          static_cast<GConnectFlags>(0));
}

void Viewer::start() {
    watch("on-negotiation-needed", G_CALLBACK(on_negotiation_needed));
    watch("on-ice-candidate", G_CALLBACK(on_candidate));
    watch("notify::connection-state", G_CALLBACK(on_state));
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
}

void Viewer::accept_answer(const std::string& sdp) {
    if (!offered_ || answered_) throw BadMessage("no answer is asked for");
    GstSDPMessage* message = read_answer(sdp);
    answered_ = true;
    GstWebRTCSessionDescription* answer =
        gst_webrtc_session_description_new(GST_WEBRTC_SDP_TYPE_ANSWER, message);
    GstPromise* promise = begin(&Viewer::note_description);
    g_signal_emit_by_name(peer_, "set-remote-description", answer, promise);
    gst_promise_unref(promise);
    gst_webrtc_session_description_free(answer);
}

void Viewer::add_candidate(unsigned line, const std::string& candidate) {
    if (++candidates_ > limits::kCandidates) throw BadMessage("too many candidates");
    if (!offered_) throw BadMessage("no candidate is asked for");
    if (!is_usable_candidate(candidate)) return;
    g_signal_emit_by_name(peer_, "add-ice-candidate", line, candidate.c_str());
}

std::string Viewer::overdue() const {
    const gint64 now = g_get_monotonic_time();
    if (!answered_ && now - since_ > limits::kAnswerTime) return "The browser has not answered.";
    if (!connected_ && now - since_ > limits::kConnectTime) {
        return "No way to the browser was found.";
    }
    if (lost_since_ && now - lost_since_ > limits::kLostTime) return "The way is lost.";
    return {};
}

void Viewer::leave() {
    send_ = [](const json&) {};
    input_->remove(input_source_);
    output_->remove(output_source_);
}

// The promise of an operation of webrtcbin, which holds the viewer until it is done.
GstPromise* Viewer::begin(Done done) {
    return gst_promise_new_with_change_func(on_done, new Operation{shared_from_this(), done},
                                            free_operation);
}

// ---- On threads of webrtcbin, which must not be the last to hold a viewer --------------------

void Viewer::on_negotiation_needed(GstElement* peer, gpointer weak) {
    guarded("an offer", [&] {
        on_main_thread([peer, weak = *static_cast<Weak*>(weak)] {
            const auto viewer = weak.lock();
            if (!viewer) return;
            GstPromise* promise = viewer->begin(&Viewer::send_offer);
            g_signal_emit_by_name(peer, "create-offer", nullptr, promise);
            gst_promise_unref(promise);
        });
    });
}

void Viewer::on_done(GstPromise* promise, gpointer operation) {
    auto* held = static_cast<Operation*>(operation);
    guarded("an operation", [&] {
        on_main_thread(
            [viewer = std::move(held->viewer), done = held->done,
             reply = std::shared_ptr<GstPromise>(gst_promise_ref(promise), gst_promise_unref)] {
                if (gst_promise_wait(reply.get()) == GST_PROMISE_RESULT_REPLIED) {
                    (viewer.get()->*done)(gst_promise_get_reply(reply.get()));
                }
            });
    });
}

// One that was never done, or whose viewer is on its way to the main thread.
void Viewer::free_operation(gpointer operation) {
    auto* held = static_cast<Operation*>(operation);
    if (held->viewer) {
        guarded("an operation", [&] { on_main_thread([viewer = std::move(held->viewer)] {}); });
    }
    delete held;
}

void Viewer::on_candidate(GstElement*, guint line, gchar* candidate, gpointer weak) {
    guarded("a candidate", [&] {
        json message = {{"type", "candidate"}, {"line", line}, {"candidate", candidate}};
        on_main_thread([weak = *static_cast<Weak*>(weak), message = std::move(message)] {
            if (const auto viewer = weak.lock()) viewer->send_(message);
        });
    });
}

void Viewer::on_state(GstElement* peer, GParamSpec*, gpointer weak) {
    gint state = 0;
    g_object_get(peer, "connection-state", &state, nullptr);
    guarded("a state", [&] {
        on_main_thread([weak = *static_cast<Weak*>(weak), state] {
            if (const auto viewer = weak.lock()) viewer->note_state(state);
        });
    });
}

// The browser lacks a picture to go on from.
GstPadProbeReturn Viewer::on_upstream_event(GstPad*, GstPadProbeInfo* info, gpointer feed) {
    if (gst_video_event_is_force_key_unit(GST_PAD_PROBE_INFO_EVENT(info))) {
        guarded("a key frame", [&] { static_cast<Feed*>(feed)->request_key_frame(); });
    }
    return GST_PAD_PROBE_OK;
}

// ---- Main thread -----------------------------------------------------------------------------

void Viewer::send_offer(const GstStructure* reply) {
    GstWebRTCSessionDescription* offer = nullptr;
    if (reply) {
        gst_structure_get(reply, "offer", GST_TYPE_WEBRTC_SESSION_DESCRIPTION, &offer, nullptr);
    }
    if (!offer) {
        send_({{"type", "failed"}, {"why", "no offer could be made"}});
        return;
    }
    GstPromise* promise = begin(&Viewer::note_description);
    g_signal_emit_by_name(peer_, "set-local-description", offer, promise);
    gst_promise_unref(promise);
    offered_ = true;
    gchar* sdp = gst_sdp_message_as_text(offer->sdp);
    send_({{"type", "offer"}, {"sdp", sdp}});
    g_free(sdp);
    gst_webrtc_session_description_free(offer);
}

// The reply to a description that was set: webrtcbin tells only what is wrong.
void Viewer::note_description(const GstStructure* reply) {
    GError* error = nullptr;
    if (!reply || !gst_structure_get(reply, "error", G_TYPE_ERROR, &error, nullptr)) return;
    send_({{"type", "failed"}, {"why", error->message}});
    g_error_free(error);
}

// Frames are for those who can take them: before, they would only pile up.
void Viewer::note_state(int state) {
    if (state == GST_WEBRTC_PEER_CONNECTION_STATE_CONNECTED && !connected_) {
        connected_ = true;
        input_->add(input_source_);
        output_->add(output_source_);
    }
    const bool lost = connected_ && state != GST_WEBRTC_PEER_CONNECTION_STATE_CONNECTED;
    lost_since_ = !lost ? 0 : lost_since_ ? lost_since_ : g_get_monotonic_time();
    if (state == GST_WEBRTC_PEER_CONNECTION_STATE_FAILED) {
        send_({{"type", "failed"}, {"why", "no way to the browser was found"}});
    }
}

gboolean Viewer::on_message(GstBus*, GstMessage* message, gpointer self) {
    guarded("a viewer's connection", [&] {
        auto* viewer = static_cast<Viewer*>(self);
        if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_LATENCY) {
            gst_bin_recalculate_latency(GST_BIN(viewer->pipeline_));
        } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
            const std::string why = pipelines::text_of(message);
            g_warning("a viewer's connection failed: %s", why.c_str());
            viewer->send_({{"type", "failed"}, {"why", why}});
        }
    });
    return G_SOURCE_CONTINUE;
}

}  // namespace webrtc
