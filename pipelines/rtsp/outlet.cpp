// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/outlet.h"

#include <algorithm>

#include "pipelines/live/bridge.h"

namespace rtsp {

namespace {

constexpr gint64 kGapUs = G_USEC_PER_SEC;

// Whether an encoder or payloader that was made for the one also takes the other.
bool same_codec(const GstCaps* a, const GstCaps* b) {
    return gst_structure_has_name(gst_caps_get_structure(a, 0),
                                  gst_structure_get_name(gst_caps_get_structure(b, 0)));
}

}  // namespace

Outlet::Outlet(GstAppSink* sink, Kind kind) : sink_(sink), kind_(kind) {
    pipelines::prepare_exit(sink_);
    // async: sound that never comes holds nobody up. qos: the upscaler hears of what is late.
    g_object_set(sink_, "async", FALSE, "qos", kind_ == Kind::kPictures, nullptr);
    GstAppSinkCallbacks callbacks{};
    callbacks.new_sample = on_sample;
    gst_app_sink_set_callbacks(sink_, &callbacks, this, nullptr);
}

Outlet::~Outlet() {
    if (newest_) gst_sample_unref(newest_);
    for (const Listener& listener : listeners_) gst_object_unref(listener.source);
}

bool Outlet::begun() const {
    const std::lock_guard lock(mutex_);
    return newest_ != nullptr;
}

void Outlet::forget() {
    const std::lock_guard lock(mutex_);
    if (newest_) gst_sample_unref(newest_);
    newest_ = nullptr;
}

GstCaps* Outlet::caps() const {
    const std::lock_guard lock(mutex_);
    return newest_ ? gst_caps_ref(gst_sample_get_caps(newest_)) : nullptr;
}

void Outlet::add(GstAppSrc* listener) {
    pipelines::prepare_entry(listener, kind_ == Kind::kPictures ? 8 : 100);
    const std::lock_guard lock(mutex_);
    listeners_.push_back({GST_APP_SRC(gst_object_ref(listener)), 0});
}

void Outlet::remove(GstAppSrc* listener) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(listeners_.begin(), listeners_.end(),
                                    [&](const auto& item) { return item.source == listener; });
    if (found == listeners_.end()) return;
    gst_object_unref(found->source);
    listeners_.erase(found);
}

GstFlowReturn Outlet::on_sample(GstAppSink* sink, gpointer self) {
    GstSample* sample = gst_app_sink_pull_sample(sink);
    if (!sample) return GST_FLOW_EOS;
    // A copy, since the sink writes into its own again once nobody else holds it.
    static_cast<Outlet*>(self)->take(gst_sample_copy(sample));
    gst_sample_unref(sample);
    return GST_FLOW_OK;
}

// `sample` becomes ours.
void Outlet::take(GstSample* sample) {
    const std::lock_guard lock(mutex_);
    if (newest_ && kind_ == Kind::kSound &&
        !same_codec(gst_sample_get_caps(sample), gst_sample_get_caps(newest_))) {
        // The source has come back with another codec; clients were promised the first one.
        gst_sample_unref(sample);
        return;
    }
    if (newest_) gst_sample_unref(newest_);
    newest_ = sample;
    newest_time_ = g_get_monotonic_time();
    for (Listener& listener : listeners_) {
        give(sample, pipelines::crossing_time(sample, sink_, GST_ELEMENT(listener.source)),
             &listener);
    }
}

void Outlet::give(GstSample* sample, GstClockTime time, Listener* listener) {
    if (!GST_CLOCK_TIME_IS_VALID(time) || time <= listener->newest) return;
    pipelines::push_at(sample, time, listener->source);
    listener->newest = time;
}

void Outlet::bridge_gap() {
    const std::lock_guard lock(mutex_);
    if (!newest_ || g_get_monotonic_time() - newest_time_ < kGapUs) return;
    for (Listener& listener : listeners_) {
        if (kind_ == Kind::kSound && listener.newest != 0) continue;
        if (GST_STATE(listener.source) != GST_STATE_PLAYING) continue;
        give(newest_, pipelines::running_now(GST_ELEMENT(listener.source)), &listener);
    }
}

}  // namespace rtsp
