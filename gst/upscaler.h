/* Runs frames and events through the engine, in order. */
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>

#include <memory>
#include <string>

#include "core/flashvsr.h"
#include "gst/bypass.h"
#include "gst/frame_queue.h"
#include "gst/latency.h"
#include "gst/properties.h"

typedef struct _GstFlashVsrUpscale GstFlashVsrUpscale;

namespace flashvsr {

/* The mechanism behind the element, from open() to close(). What arrives is queued with queue() and
 * taken from there, one item after the other, by run_queued(); frames then wait in the engine and
 * come out again with the events that lie between them. Everything that can fail posts an element
 * error. The stream lock of the sink pad protects everything but latency() and stats(), which may
 * be called from any thread. */
class Upscaler {
  public:
    explicit Upscaler(GstFlashVsrUpscale* element) : element_(element) {}

    /* Finds and opens the engine library; needed once before open(). */
    bool load_library();

    /* Loads the model that the element's properties ask for. Takes seconds. */
    bool open();
    void close();

    /* New caps. Frames of the old ones leave first. */
    bool configure(const GstVideoInfo& in, const GstVideoInfo& out);
    bool configured() const { return stream_ != nullptr; }

    /* Whether the element downstream reads GstVideoMeta. */
    void set_downstream_video_meta(bool understood) { downstream_video_meta_ = understood; }

    void queue(Item item) { input_.push(std::move(item)); }
    /* Runs what is queued and pushes what comes out. The flow return is downstream's latest, also
     * that of an earlier drain; OK when the engine needs more input first. */
    GstFlowReturn run_queued();

    /* Pushes every frame and event that is inside; the next frame starts afresh. What downstream
     * answers is kept for run_queued(). */
    void drain();

    /* Drops every frame that is inside; sticky events survive. */
    void flush();

    /* Bicubic resize of one frame, for `enabled` = false. */
    GstFlowReturn resize(GstBuffer* in, GstBuffer* out);

    /* Adds `meta` of `in` to `out` with its sizes and places scaled, if it knows how to. */
    void scale_meta(GstBuffer* out, GstMeta* meta, GstBuffer* in);

    bool idle() const { return input_.empty() && pending_.empty(); }
    GstClockTime latency() const { return latency_.reported(); }
    GstStructure* stats() const; /* the caller's */

  private:
    struct EngineClose {
        const FlashvsrApi* api;
        void operator()(FlashvsrEngine* engine) const { api->engine_close(engine); }
    };
    struct StreamClose {
        const FlashvsrApi* api;
        void operator()(FlashvsrStream* stream) const { api->stream_close(stream); }
    };
    struct Counters {
        guint64 frames_in = 0;
        guint64 frames_out = 0;
        int inside = 0;
        guint64 chunks = 0;
        FlashvsrStreamStats engine = FLASHVSR_STREAM_STATS_INIT; /* of the stream now open */
    };

    GstFlowReturn run(Item item);
    GstFlowReturn run_frame(BufferPtr buffer);
    GstFlowReturn run_engine(BufferPtr buffer);
    GstFlowReturn run_bypass(BufferPtr buffer);
    GstFlowReturn drain_engine();

    GstFlowReturn push_ready();
    GstFlowReturn take_upscaled(GstBuffer* origin, BufferPtr* upscaled);
    GstFlowReturn allocate_output(GstBuffer* origin, BufferPtr* output);
    GstFlowReturn push_downstream(BufferPtr buffer);

    void sync_controlled_properties(GstBuffer* buffer);
    bool apply_settings(const FlashvsrSettings& settings);
    bool follows_gap(GstBuffer* buffer) const;
    void note_time(GstBuffer* buffer);
    void note_chunk();
    void update_latency();
    void publish_counters();
    void drop_frames();
    GstFlowReturn fail(const FlashvsrError& error);

    GstBaseTransform* transform() const;

    GstFlashVsrUpscale* const element_; /* owns this */
    const FlashvsrApi* api_ = nullptr;
    std::unique_ptr<FlashvsrEngine, EngineClose> engine_{nullptr, EngineClose{nullptr}};
    std::unique_ptr<FlashvsrStream, StreamClose> stream_{nullptr, StreamClose{nullptr}};
    guint64 seed_ = 0;

    GstVideoInfo in_info_;
    GstVideoInfo out_info_;
    FlashvsrSettings settings_ = FLASHVSR_SETTINGS_INIT; /* what the engine's stream runs with */
    bool enabled_ = true;                                /* how the previous frame was treated */
    std::unique_ptr<PlainResize> resize_;                /* made when first needed */
    bool downstream_video_meta_ = false;

    FrameQueue input_;   /* arrived and not yet run */
    FrameQueue pending_; /* frames in the engine (without their pixels), events behind them */
    GstFlowReturn flow_ = GST_FLOW_OK;
    GstClockTime expected_pts_ = GST_CLOCK_TIME_NONE;

    LatencyEstimate latency_;
    Counters counters_;  /* the streaming thread's */
    Counters published_; /* under the object lock */
};

}  // namespace flashvsr
