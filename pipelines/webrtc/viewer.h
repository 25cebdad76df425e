#ifndef FLASHVSR_PIPELINES_WEBRTC_VIEWER_H_
#define FLASHVSR_PIPELINES_WEBRTC_VIEWER_H_

#include <gst/gst.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "pipelines/webrtc/codec.h"
#include "pipelines/webrtc/feed.h"

namespace webrtc {

/// What a peer connection is made with.
struct Network {
    std::string address;  ///< the only one that is offered for media; empty: all of the machine
    int first_port = 0;   ///< of the UDP ports for media; 0: any
    int last_port = 0;
    std::string stun;  ///< "stun://host:port"; empty: none
    std::string turn;  ///< "turn://user:password@host:port"; empty: none
};

/// One browser: the two videos of the feeds, sent through a webrtcbin of its own.
///
///     appsrc ! payloader ! webrtcbin ! payloader ! appsrc
///
/// The server makes the offer. Used on the main thread; messages to the browser leave on it too.
class Viewer : public std::enable_shared_from_this<Viewer> {
  public:
    using Send = std::function<void(const nlohmann::json&)>;

    /// `shared`: pipeline of the feeds, whose clock the viewer's runs by. It and the feeds outlive
    /// the viewer. Throws Failure (kMissing) for an element that is not installed.
    Viewer(GstElement* shared, Feed* input, Feed* output, const Codec& codec,
           const Network& network, Send send);
    ~Viewer();
    Viewer(const Viewer&) = delete;
    Viewer& operator=(const Viewer&) = delete;

    /// Makes the offer and sends it, then candidates as they are found.
    void start();
    void accept_answer(const std::string& sdp);
    void add_candidate(unsigned line, const std::string& candidate);

  private:
    using Weak = std::weak_ptr<Viewer>;

    void offer_only(const char* coding);
    void watch(const char* signal, GCallback callback);
    void send_offer(const GstStructure* reply);
    void note_state(int state);
    static gboolean on_message(GstBus*, GstMessage* message, gpointer self);

    static void free_weak(gpointer weak) { delete static_cast<Weak*>(weak); }
    // These come on threads of webrtcbin.
    static void on_negotiation_needed(GstElement* peer, gpointer weak);
    static void on_offer(GstPromise* promise, gpointer weak);
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
    bool connected_ = false;
};

}  // namespace webrtc

#endif  // FLASHVSR_PIPELINES_WEBRTC_VIEWER_H_
