// SPDX-License-Identifier: Apache-2.0
#include "gst/overload.h"

#include "gst/log.h"
#include "gst/worker.h"

#define GST_CAT_DEFAULT flashvsr_overload_debug

namespace flashvsr {

namespace {

// Replacing ends when so few frames wait that a start-up chunk takes no more than those, or when so
// many can leave meanwhile.
constexpr int kCaughtUp = FLASHVSR_FIRST_CHUNK_INPUT - 1;

}  // namespace

void OverloadPolicy::reset() {
    action_ = Action::kCompute;
    left_ = 0;
    left_to_push_ = Worker::kCapacity;
    earliest_ = 0;
    jitter_ = 0;
    started_ = false;
}

bool OverloadPolicy::engine_is_behind(int waiting, int to_push) const {
    return (started_ || live_) && waiting >= Worker::kCapacity - 1 && to_push < chunk_frames_;
}

void OverloadPolicy::note_chunk(int left_to_push) {
    left_to_push_ = left_to_push;
    started_ = true;
}

OverloadPolicy::Action OverloadPolicy::action_for(Overload mode, const Situation& situation,
                                                  GstBuffer* frame, const GstSegment* segment) {
    if (left_ == 0) {
        if (!situation.between_chunks) return Action::kCompute;
        action_ = decide(mode, situation, late(frame, segment));
        if (action_ == Action::kCompute) return action_;
        left_ = FLASHVSR_CHUNK;
        announce(action_ == Action::kDrop, frame, segment);
    }
    left_--;
    if (action_ == Action::kDrop) {
        statistics_->count_dropped(1);
    } else {
        statistics_->count_replaced(1);
    }
    return action_;
}

OverloadPolicy::Action OverloadPolicy::decide(Overload mode, const Situation& situation,
                                              bool late) const {
    switch (mode) {
        case Overload::kBlock: return Action::kCompute;
        // What piles up is dropped where it arrives.
        case Overload::kDrop: return late ? Action::kDrop : Action::kCompute;
        case Overload::kBicubic: break;
    }
    const bool behind = action_ == Action::kReplace
                            ? situation.waiting > kCaughtUp && situation.to_push < kCaughtUp
                            : engine_is_behind(situation.waiting, left_to_push_);
    const bool loading = live_ && !situation.model_loaded;
    const bool replace = (behind || late || loading) && situation.replaceable;
    return replace ? Action::kReplace : Action::kCompute;
}

bool OverloadPolicy::late(GstBuffer* frame, const GstSegment* segment) const {
    if (segment->format != GST_FORMAT_TIME || !GST_BUFFER_PTS_IS_VALID(frame)) return false;
    const GstClockTime running_time =
        gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(frame));
    return GST_CLOCK_TIME_IS_VALID(running_time) && running_time < earliest_;
}

// As the base classes do: a frame that is late by some time tells that those that follow within the
// same time will be late as well.
void OverloadPolicy::note_qos(GstClockTimeDiff jitter, GstClockTime timestamp) {
    if (!GST_CLOCK_TIME_IS_VALID(timestamp)) return;
    const GstClockTimeDiff reach = jitter > 0 ? 2 * jitter : jitter;
    earliest_ = reach < 0 && timestamp < static_cast<GstClockTime>(-reach) ? 0 : timestamp + reach;
    jitter_ = jitter;
}

void OverloadPolicy::note_dropped(int count, GstBuffer* frame, const GstSegment* segment) {
    statistics_->count_dropped(count);
    announce(/*dropped=*/true, frame, segment);
}

void OverloadPolicy::announce(bool dropped, GstBuffer* frame, const GstSegment* segment) const {
    GST_INFO_OBJECT(element_, "%s a chunk of frames from %" GST_TIME_FORMAT " on",
                    dropped ? "dropping" : "replacing", GST_TIME_ARGS(GST_BUFFER_PTS(frame)));
    const bool timed = segment->format == GST_FORMAT_TIME && GST_BUFFER_PTS_IS_VALID(frame);
    const auto to_time = [&](guint64 (*convert)(const GstSegment*, GstFormat, guint64)) {
        return timed ? convert(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(frame))
                     : GST_CLOCK_TIME_NONE;
    };
    GstMessage* message = gst_message_new_qos(
        GST_OBJECT_CAST(element_), live_, to_time(gst_segment_to_running_time),
        to_time(gst_segment_to_stream_time), GST_BUFFER_PTS(frame), GST_BUFFER_DURATION(frame));
    constexpr int kBestQuality = 1000000;
    gst_message_set_qos_values(message, jitter_, 1.0, dropped ? kBestQuality : 0);
    const Statistics::Frames frames = statistics_->frames();
    gst_message_set_qos_stats(message, GST_FORMAT_BUFFERS, frames.out,
                              frames.dropped + frames.replaced);
    gst_element_post_message(element_, message);
}

}  // namespace flashvsr
