// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "pipelines/webrtc/codec.h"
#include "pipelines/webrtc/feed.h"

namespace webrtc {

// What a peer connection is made with.
struct Network {
    std::string address;  // the only one that is offered for media; empty: all of the machine
    int first_port = 0;   // of the UDP ports for media; 0: any
    int last_port = 0;
    std::string stun;  // "stun://host:port"; empty: none
    std::string turn;  // "turn://user:password@host:port"; empty: none
};

// One browser: the two videos of the feeds, sent through a webrtcbin of its own.
//
//     appsrc ! payloader ! webrtcbin ! payloader ! appsrc
//
// The server makes the offer. Used on the main thread; messages to the browser leave on it too.
//
// A webrtcbin that is stopped while it works on a description leaks sockets. Each such operation
// therefore holds the viewer, which ends, on the main thread, when the last one is done.
class Viewer : public std::enable_shared_from_this<Viewer> {
  public:
    using Send = std::function<void(const nlohmann::json&)>;

    // Throws Failure (kMissing) where something is not installed that a viewer needs.
    static void check_elements(const Codec& codec);

    // `shared`: pipeline of the feeds, whose clock the viewer's runs by. It and the feeds outlive
    // the viewer. Throws Failure (kMissing) for an element that is not installed.
    Viewer(GstElement* shared, Feed* input, Feed* output, const Codec& codec,
           const Network& network, Send send);
    ~Viewer();
    Viewer(const Viewer&) = delete;
    Viewer& operator=(const Viewer&) = delete;

    // Makes the offer and sends it, then candidates as they are found.
    void start();
    // Throws BadMessage on what is no answer to the offer, or comes a second time.
    void accept_answer(const std::string& sdp);
    // Candidates that help nobody are ignored. Throws BadMessage on too many of them.
    void add_candidate(unsigned line, const std::string& candidate);
    // Why the browser has had its time (limits.h); empty: it has not.
    std::string overdue() const;
    // The browser is gone: nothing is sent any more, neither messages nor videos.
    void leave();

  private:
    using Weak = std::weak_ptr<Viewer>;
    using Done = void (Viewer::*)(const GstStructure* reply);
    struct Operation {
        std::shared_ptr<Viewer> viewer;
        Done done;
    };

    void offer_only(const char* coding);
    void watch(const char* signal, GCallback callback);
    GstPromise* begin(Done done);
    void send_offer(const GstStructure* reply);
    void note_description(const GstStructure* reply);
    void note_state(int state);
    static gboolean on_message(GstBus*, GstMessage* message, gpointer self);

    static void free_weak(gpointer weak) { delete static_cast<Weak*>(weak); }
    // These come on threads of webrtcbin.
    static void on_negotiation_needed(GstElement* peer, gpointer weak);
    static void on_done(GstPromise* promise, gpointer operation);
    static void free_operation(gpointer operation);
    static void on_candidate(GstElement* peer, guint line, gchar* candidate, gpointer weak);
    static void on_state(GstElement* peer, GParamSpec*, gpointer weak);
    static GstPadProbeReturn on_upstream_event(GstPad*, GstPadProbeInfo* info, gpointer feed);

    Feed* input_;
    Feed* output_;
    Send send_;
    GstElement* pipeline_ = nullptr;
    GstElement* peer_ = nullptr;  // the pipeline's, as the next two
    GstElement* input_source_ = nullptr;
    GstElement* output_source_ = nullptr;
    const gint64 since_ = g_get_monotonic_time();
    gint64 lost_since_ = 0;  // 0: the browser is connected, or has never been
    size_t candidates_ = 0;  // of the browser, so far
    bool offered_ = false, answered_ = false, connected_ = false;
};

}  // namespace webrtc
