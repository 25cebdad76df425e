// SPDX-License-Identifier: Apache-2.0
// The worker's part of a frame's way: into the engine and out of it, or past it.
#pragma once

#include <gst/base/gstbasetransform.h>

#include <atomic>
#include <memory>
#include <vector>

#include "core/flashvsr.h"
#include "gst/cuda_memory.h"
#include "gst/engine_stream.h"
#include "gst/frame_map.h"
#include "gst/frame_times.h"
#include "gst/latency.h"
#include "gst/model_load.h"
#include "gst/output.h"
#include "gst/overload.h"
#include "gst/properties.h"
#include "gst/scene_cut.h"
#include "gst/statistics.h"
#include "gst/worker.h"

namespace flashvsr {

// Runs frames and events through the engine, in order: frames wait there and come out again with
// the events that lie between them. Everything that can fail posts an element error.
class FrameLoop {
  public:
    // What other threads use as well.
    struct Shared {
        GstBaseTransform* transform;
        const PropertyStore* properties;
        CudaContext* cuda;
        const ModelLoad* model;
        Statistics* statistics;
        OverloadPolicy* overload;
        Worker* worker;
    };

    explicit FrameLoop(const Shared& shared);

    // ---- while the worker rests --------------------------------------------------------------

    void open(const FlashvsrApi* api, const Properties& properties);
    void configure(const FrameLayout& in, const FrameLayout& out);
    void close();
    // Forgets the frames inside and returns what was between them.
    FrameQueue flush();
    bool empty() const { return pending_.empty(); }
    Output* output() { return &output_; }

    // ---- worker's thread ---------------------------------------------------------------------

    void run(Item item);
    // run() has thrown an exception, which says this.
    void fail(const char* exception);

    // ---- the source pad's task ---------------------------------------------------------------

    GstFlowReturn push(BufferPtr frame);

    // ---- any thread --------------------------------------------------------------------------

    GstClockTime latency() const { return latency_.reported(); }
    GstClockTime spare_capacity() const { return spare_capacity_; }
    void note_latency_event();

  private:
    // ---- in ----------------------------------------------------------------------------------
    void run_event(EventPtr event);
    void run_frame(Item frame);
    void run_engine(Item frame, const FrameProperties& properties);
    void run_bypass(BufferPtr frame);
    void replace_pending();
    OverloadPolicy::Action overload_action(Overload mode, GstBuffer* frame);
    bool open_stream();
    std::unique_ptr<MappedFrame> map_input(GstBuffer* frame);
    bool begins_scene(MappedFrame* frame);

    // ---- out ---------------------------------------------------------------------------------
    void start_anew();
    void drain_engine();
    void emit(int frames);
    void emit_when_due();
    void forget_frames();
    void fail(const FlashvsrError& error);

    // ---- time --------------------------------------------------------------------------------
    void sync_controlled_properties(GstBuffer* frame);
    void note_time(GstBuffer* frame);
    void note_chunk(GstClockTime time);
    bool announce_latency();

    GstBaseTransform* const transform_;
    const PropertyStore* const properties_;
    const ModelLoad* const model_;
    Statistics* const statistics_;
    OverloadPolicy* const overload_;
    Worker* const worker_;
    const FlashvsrApi* api_ = nullptr;

    // Those of the properties that are fixed while the element works.
    guint64 seed_ = 0;
    Pace pace_;

    FrameLayout in_;
    FrameLayout out_;
    bool engine_reads_from_device_ = false;
    CudaInput cuda_input_;
    EngineStream engine_;  // opened when first needed
    PendingFrames pending_;
    Output output_;

    bool enabled_ = true;  // how the previous frame was treated
    SceneCut scene_cut_;
    std::vector<guint8> scene_rows_;  // what it looks at of a frame on the device
    bool discont_due_ = false;        // frames before the next one have been dropped
    FrameTimes times_;
    LatencyEstimate latency_;
    std::atomic<GstClockTime> spare_capacity_{0};
    std::atomic<int> latency_events_{0};
};

}  // namespace flashvsr
