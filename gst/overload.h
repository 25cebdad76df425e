// SPDX-License-Identifier: Apache-2.0
// What is done about frames that come faster than they can be computed.
#pragma once

#include <gst/gst.h>

#include <atomic>

#include "gst/properties.h"
#include "gst/statistics.h"

namespace flashvsr {

// Decides for whole chunks, since a model that looks at frames in their course has no use for a
// frame here and there, and counts and announces what it decides.
class OverloadPolicy {
  public:
    enum class Action { kCompute, kDrop, kReplace };

    struct Situation {
        bool model_loaded;
        int waiting;          // frames that wait for the worker
        int to_push;          // frames that wait for downstream
        bool between_chunks;  // the engine owes nothing but the look-ahead
        bool replaceable;     // what it owes could be replaced
    };

    OverloadPolicy(GstElement* element, Statistics* statistics)
        : element_(element), statistics_(statistics) {
        reset();
    }

    void reset();
    // Frames that come out of a chunk; before there are any.
    void set_chunk_frames(int frames) { chunk_frames_ = frames; }

    // By the worker's thread: what to do with the next frame. Once it is something else than
    // kCompute, a chunk's worth of frames goes the same way.
    Action action_for(Overload mode, const Situation& situation, GstBuffer* frame,
                      const GstSegment* segment);

    // True if frames pile up in front of the worker and not behind it. Without a live source they
    // always do at first, when there is nothing yet that could have left. By any thread.
    bool engine_is_behind(int waiting, int to_push) const;
    // By the worker's thread: a chunk has left the engine, at whose end so many frames still waited
    // for downstream.
    void note_chunk(int left_to_push);

    // By the streaming thread: frames that waited have been dropped, the first of them `frame`.
    void note_dropped(int count, GstBuffer* frame, const GstSegment* segment);

    // A QOS event from downstream, as gst_event_parse_qos() reads it. By any thread.
    void note_qos(GstClockTimeDiff jitter, GstClockTime timestamp);
    void set_live(bool live) { live_ = live; }
    bool live() const { return live_; }

  private:
    bool late(GstBuffer* frame, const GstSegment* segment) const;
    void announce(bool dropped, GstBuffer* frame, const GstSegment* segment) const;
    Action decide(Overload mode, const Situation& situation, bool late) const;

    GstElement* const element_;
    Statistics* const statistics_;
    int chunk_frames_ = FLASHVSR_CHUNK;
    Action action_;                          // of the newest frame
    int left_to_push_;                       // at the end of the newest chunk
    int left_;                               // frames that still go the way of the newest
    std::atomic<GstClockTime> earliest_{0};  // running time; what is before it will be late
    std::atomic<GstClockTimeDiff> jitter_{0};
    std::atomic<bool> live_{false};
    std::atomic<bool> started_{false};
};

}  // namespace flashvsr
