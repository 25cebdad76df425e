// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/feed.h"

#include <gst/video/video.h>

#include <algorithm>

#include "pipelines/live/bridge.h"
#include "pipelines/live/guard.h"

namespace webrtc {

using Lock = std::lock_guard<std::mutex>;

Feed::Feed(GstElement* sink) : sink_(GST_APP_SINK(gst_object_ref(sink))) {
    GstAppSinkCallbacks callbacks = {};
    callbacks.new_sample = on_sample;
    gst_app_sink_set_callbacks(sink_, &callbacks, this, nullptr);
}

Feed::~Feed() {
    GstAppSinkCallbacks none = {};
    gst_app_sink_set_callbacks(sink_, &none, nullptr, nullptr);
    for (const Listener& listener : listeners_) gst_object_unref(listener.source);
    gst_object_unref(sink_);
}

void Feed::add(GstElement* source) {
    {
        const Lock lock(mutex_);
        listeners_.push_back({GST_APP_SRC(gst_object_ref(source)), false});
    }
    request_key_frame();
}

void Feed::remove(GstElement* source) {
    const Lock lock(mutex_);
    const auto found = std::find_if(
        listeners_.begin(), listeners_.end(),
        [source](const Listener& listener) { return GST_ELEMENT(listener.source) == source; });
    if (found == listeners_.end()) return;
    gst_object_unref(found->source);
    listeners_.erase(found);
}

void Feed::request_key_frame() {
    GstPad* pad = gst_element_get_static_pad(GST_ELEMENT(sink_), "sink");
    gst_pad_push_event(pad,
                       gst_video_event_new_upstream_force_key_unit(GST_CLOCK_TIME_NONE, TRUE, 0));
    gst_object_unref(pad);
}

GstFlowReturn Feed::on_sample(GstAppSink* sink, gpointer self) {
    GstSample* sample = gst_app_sink_pull_sample(sink);
    if (!sample) return GST_FLOW_EOS;
    pipelines::guarded("a frame", [&] { static_cast<Feed*>(self)->deliver(sample); });
    gst_sample_unref(sample);
    return GST_FLOW_OK;
}

void Feed::deliver(GstSample* sample) {
    const GstBuffer* frame = gst_sample_get_buffer(sample);
    const GstClockTime time =
        delay_ + gst_segment_to_running_time(gst_sample_get_segment(sample), GST_FORMAT_TIME,
                                             GST_BUFFER_PTS(frame));
    const bool key = !GST_BUFFER_FLAG_IS_SET(frame, GST_BUFFER_FLAG_DELTA_UNIT);
    const Lock lock(mutex_);
    for (Listener& listener : listeners_) {
        listener.started = listener.started || key;
        if (listener.started) pipelines::push_at(sample, time, listener.source);
    }
}

}  // namespace webrtc
