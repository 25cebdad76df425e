// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include <atomic>
#include <mutex>
#include <vector>

namespace webrtc {

// One encoded video, which every viewer gets: encoded once, handed on many times.
//
// Viewers have pipelines of their own, so that nothing that goes wrong with one of them reaches
// the others. Safe to call from any thread.
class Feed {
  public:
    // Takes the frames that arrive at `sink`.
    explicit Feed(GstElement* sink);
    ~Feed();
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;

    // `source`, an appsrc, gets every frame from the next key frame on, which is asked for. Holds
    // a reference until `remove`.
    void add(GstElement* source);
    void remove(GstElement* source);
    // How long after its running time a frame is due here: viewers get the sum as time stamp, so
    // that a longer delay does not look like frames that come late.
    void set_delay(GstClockTime delay) { delay_ = delay; }
    // Has the encoder make a key frame; how often it does is limited by its own
    // min-force-key-unit-interval.
    void request_key_frame();

  private:
    struct Listener {
        GstAppSrc* source;
        bool started;  // has had a key frame
    };

    static GstFlowReturn on_sample(GstAppSink* sink, gpointer self);
    void deliver(GstSample* sample);

    GstAppSink* sink_;
    std::atomic<GstClockTime> delay_{0};
    std::mutex mutex_;  // of the listeners
    std::vector<Listener> listeners_;
};

}  // namespace webrtc
