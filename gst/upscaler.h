/* Runs frames and events through the engine, in order. */
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/flashvsr.h"
#include "gst/cuda_memory.h"
#include "gst/engine_stream.h"
#include "gst/frame_map.h"
#include "gst/latency.h"
#include "gst/model_load.h"
#include "gst/output.h"
#include "gst/overload.h"
#include "gst/pending_frames.h"
#include "gst/properties.h"
#include "gst/scene_cut.h"
#include "gst/statistics.h"
#include "gst/worker.h"

namespace flashvsr {

/* The mechanism behind the element, from open() to close(). The streaming thread queues what
 * arrives; the worker takes it from there: frames wait in the engine and come out again with the
 * events that lie between them. Everything that can fail posts an element error. */
class Upscaler {
  public:
    Upscaler(GstBaseTransform* transform, const PropertyStore* properties);

    /* ---- state changes ---- */

    /* Finds and opens the engine library; needed once before open(). */
    bool load_library();
    /* Begins to load the model that the properties ask for, and to work. */
    bool open();
    /* Wakes whoever waits; to be called before the pads are deactivated, and close() after it. */
    void begin_close();
    void close();

    /* ---- streaming thread ---- */

    /* Takes a frame. What is returned is the engine's latest failure, once, or downstream's, for
     * this frame and all that follow until the element starts anew, is flushed or forgives. */
    GstFlowReturn queue(BufferPtr buffer);
    /* Takes an event that belongs between the frames. */
    void queue(EventPtr event) { worker_.queue({nullptr, std::move(event)}); }

    /* Waits until the worker has taken up what was queued. Then everything here is the caller's
     * until it queues again. False: a flush or the end came first. */
    bool settle() { return has_engine() && worker_.settle(); }
    /* The same, after every frame has left; the next one starts afresh. */
    bool drain();
    /* An event that gives downstream cause to answer anew: the beginning of a stream forgives
     * everything, a new segment that the last one was at its end, a RECONFIGURE event that nobody
     * was there. */
    void forgive(GstEventType cause);
    bool interrupted() const { return worker_.interrupted(); }
    bool idle() const { return worker_.idle() && pending_.empty(); }

    /* New caps. Frames of the old ones leave first. False: a flush or the end came first. */
    bool configure(const FrameLayout& in, const FrameLayout& out);
    bool configured() const { return configured_; }

    /* Drops every frame that is inside, from begin_flush() on; events that describe the stream
     * survive. begin_flush() may be called by any thread. */
    void begin_flush() { worker_.begin_flush(); }
    void end_flush();

    /* ---- any thread ---- */

    GstClockTime latency() const { return latency_.reported(); }
    /* Beyond the latency, what the element can hold back when downstream does. */
    GstClockTime spare_capacity() const { return spare_capacity_; }
    /* A LATENCY query has been answered, or a LATENCY event has come. */
    void note_latency_query(bool live);
    void note_latency_event();
    /* What a QOS event from downstream says. */
    void note_qos(GstClockTimeDiff jitter, GstClockTime timestamp) {
        overload_.note_qos(jitter, timestamp);
    }
    GstStructure* stats() const; /* the caller's */

    Output* output() { return &output_; }
    CudaContext* cuda() { return &cuda_; }

  private:
    /* False, after an error message: the process was forked, and nobody would do the work. */
    bool has_engine();

    /* ---- worker's thread ---- */

    void run(Item item);
    void run_event(EventPtr event);
    void run_frame(Item frame);
    void run_engine(Item frame, const FrameProperties& properties);
    bool begins_scene(MappedFrame* frame);
    bool push_to_engine(const MappedFrame& frame, const FlashvsrSettings& settings);
    std::unique_ptr<MappedFrame> map_input(GstBuffer* buffer);
    OverloadPolicy::Action overload_action(Overload mode, GstBuffer* buffer);
    void replace_pending();
    GstFlowReturn take_upscaled(GstBuffer* origin, BufferPtr* upscaled);
    void run_bypass(BufferPtr buffer);
    bool open_stream();
    void note_memory(const FlashvsrMemoryEstimate& estimate);
    void start_anew();
    void drain_engine();
    void emit(int frames);
    void emit_when_due();
    void forget_frames();
    void fail(const FlashvsrError& error);
    void fail(const char* exception);

    void sync_controlled_properties(GstBuffer* buffer);
    GstClockTime distance_of(GstClockTime time) const;
    bool follows_gap(GstBuffer* buffer) const;
    bool falls_silent(GstEvent* event) const;
    void note_time(GstBuffer* buffer);
    void note_chunk(GstClockTime time);
    bool announce_latency();

    /* ---- the source pad's task ---- */

    GstFlowReturn push_downstream(BufferPtr buffer);

    GstBaseTransform* const transform_; /* owns this */
    const PropertyStore* const properties_;
    const FlashvsrApi* api_ = nullptr;
    CudaContext cuda_;
    ModelLoad model_;
    Worker worker_;
    Statistics statistics_;
    OverloadPolicy overload_;

    /* Those of the properties that are fixed while the element works. */
    guint64 seed_ = 0;
    Pace pace_;

    FrameLayout in_;
    FrameLayout out_;
    bool engine_reads_from_device_ = false;
    CudaInput cuda_input_;
    bool configured_ = false;
    bool enabled_ = true; /* how the previous frame was treated */
    EngineStream engine_; /* opened when first needed */
    Output output_;

    PendingFrames pending_;
    SceneCut scene_cut_;
    std::vector<guint8> scene_rows_; /* what it looks at of a frame on the device */
    int fade_left_ = 0;        /* frames that the engine's picture is still to be blended in over */
    bool discont_due_ = false; /* frames before the next one have been dropped */
    GstClockTime expected_pts_ = GST_CLOCK_TIME_NONE;
    LatencyEstimate latency_;
    std::atomic<GstClockTime> spare_capacity_{0};
    std::atomic<bool> live_{false};
    std::atomic<int> latency_events_{0};
};

}  // namespace flashvsr
