// SPDX-License-Identifier: Apache-2.0
// What the element's own threads do: changes of state, and the streaming thread's part of a frame's
// way.
#pragma once

#include <gst/base/gstbasetransform.h>

#include "core/flashvsr.h"
#include "gst/cuda_memory.h"
#include "gst/frame_loop.h"
#include "gst/model_load.h"
#include "gst/overload.h"
#include "gst/properties.h"
#include "gst/statistics.h"
#include "gst/worker.h"

namespace flashvsr {

// The mechanism behind the element, from open() to close(). The streaming thread queues what
// arrives; on the worker's thread a FrameLoop takes it from there. Everything that can fail posts
// an element error.
class Upscaler {
  public:
    Upscaler(GstBaseTransform* transform, const PropertyStore* properties);

    // ---- state changes -----------------------------------------------------------------------

    // Finds and opens the engine library; needed once before open().
    bool load_library();
    // Begins to load the model that the properties ask for, and to work.
    bool open();
    // Wakes whoever waits; to be called before the pads are deactivated, and close() after it.
    void begin_close();
    void close();

    // ---- streaming thread --------------------------------------------------------------------

    // Takes a frame. What is returned is the engine's latest failure, once, or downstream's, for
    // this frame and all that follow until the element starts anew, is flushed or forgives.
    GstFlowReturn queue(BufferPtr buffer);
    // Takes an event that belongs between the frames.
    void queue(EventPtr event) { worker_.queue({nullptr, std::move(event)}); }

    // Waits until the worker has taken up what was queued. Then everything here is the caller's
    // until it queues again. False: a flush or the end came first.
    bool settle() { return has_engine() && worker_.settle(); }
    // The same, after every frame has left; the next one starts afresh.
    bool drain();
    // An event that gives downstream cause to answer anew: the beginning of a stream forgives
    // everything, a new segment that the last one was at its end, a RECONFIGURE event that nobody
    // was there.
    void forgive(GstEventType cause);
    bool interrupted() const { return worker_.interrupted(); }
    bool idle() const { return worker_.idle() && loop_.empty(); }

    // New caps. Frames of the old ones leave first. False: a flush or the end came first.
    bool configure(const FrameLayout& in, const FrameLayout& out);
    bool configured() const { return configured_; }

    // Drops every frame that is inside, from begin_flush() on; events that describe the stream
    // survive. begin_flush() may be called by any thread.
    void begin_flush() { worker_.begin_flush(); }
    void end_flush();

    // ---- any thread --------------------------------------------------------------------------

    GstClockTime latency() const { return loop_.latency(); }
    // Beyond the latency, what the element can hold back when downstream does.
    GstClockTime spare_capacity() const { return loop_.spare_capacity(); }
    // A LATENCY query has been answered, or a LATENCY event has come.
    void note_latency_query(bool live) { overload_.set_live(live); }
    void note_latency_event() { loop_.note_latency_event(); }
    // What a QOS event from downstream says.
    void note_qos(GstClockTimeDiff jitter, GstClockTime timestamp) {
        overload_.note_qos(jitter, timestamp);
    }
    GstStructure* stats() const;  // the caller's

    Output* output() { return loop_.output(); }
    CudaContext* cuda() { return &cuda_; }

  private:
    bool has_engine();
    void drop_waiting();

    GstBaseTransform* const transform_;  // owns this
    const PropertyStore* const properties_;
    const FlashvsrApi* api_ = nullptr;
    CudaContext cuda_;
    ModelLoad model_;
    Statistics statistics_;
    OverloadPolicy overload_;
    Worker worker_;
    FrameLoop loop_;
    bool configured_ = false;
};

}  // namespace flashvsr
