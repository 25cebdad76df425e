// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/app/app.h>

#include <mutex>
#include <vector>

namespace rtsp {

// One kind of stream, pictures or sound, as it leaves the running pipeline, each buffer at its
// time, for whoever listens at the moment. Any thread may call anything.
class Outlet {
  public:
    enum class Kind { kPictures, kSound };

    // `sink` outlives this, and its pipeline is stopped before.
    Outlet(GstAppSink* sink, Kind kind);
    ~Outlet();
    Outlet(const Outlet&) = delete;
    Outlet& operator=(const Outlet&) = delete;

    bool begun() const;
    // As if nothing had come yet.
    void forget();

    // Those of the newest buffer; null: there was none yet. The caller's.
    GstCaps* caps() const;

    void add(GstAppSrc* listener);
    void remove(GstAppSrc* listener);

    // To be called a few times a second. While nothing comes, listeners get the newest picture
    // again, so that they neither give up nor hold up those who come new; the newest sound only
    // goes to those who have had none.
    void bridge_gap();

  private:
    struct Listener {
        GstAppSrc* source;
        GstClockTime newest;  // that it got, in its own running time
    };

    void take(GstSample* sample);
    static void give(GstSample* sample, GstClockTime time, Listener* listener);
    static GstFlowReturn on_sample(GstAppSink* sink, gpointer self);

    GstAppSink* const sink_;
    const Kind kind_;
    mutable std::mutex mutex_;
    GstSample* newest_ = nullptr;
    gint64 newest_time_ = 0;  // monotonic, microseconds
    std::vector<Listener> listeners_;
};

}  // namespace rtsp
