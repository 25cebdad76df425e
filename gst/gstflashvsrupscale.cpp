// SPDX-License-Identifier: Apache-2.0
/**
 * SECTION:element-flashvsrupscale
 * @title: flashvsrupscale
 * @short_description: video super-resolution with FlashVSR
 *
 * Upscales video with FlashVSR, a diffusion transformer that turns out detail in one step and works
 * on a stream: it needs 25 frames to begin and 8 for each further chunk, whatever the length of the
 * video. As many frames come out as go in, each with its own time stamps and metadata. At the end
 * of the stream the frames still inside come out before the EOS event.
 *
 * The output is the input's size times #GstFlashVsrUpscale:scale, or the size that downstream asks
 * for. The pixel aspect ratio and the frame rate stay. Video must be progressive; put a
 * deinterlacer in front of it otherwise.
 *
 * A thread of its own loads the model, another computes; frames come out in bursts of 8, each at
 * its time where the sink keeps the time. To the latency of a live pipeline the element adds 24
 * frame periods (11 with #GstFlashVsrUpscale:startup=fast, fewer with
 * #GstFlashVsrUpscale:temporal-compression) and the time that the first chunk takes.
 * #GstFlashVsrUpscale:overload says what happens when frames come faster than they can be computed.
 *
 * The engine is a library of its own, `libflashvsr.so`, opened when the element goes to READY. It
 * is looked for beside the plugin, in the folder above it and on the linker's path; the environment
 * variable `FLASHVSR_ENGINE` names another one. The model's files are looked for as
 * #GstFlashVsrUpscale:model-dir says.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.mp4 ! decodebin ! videoconvert ! flashvsrupscale scale=2 ! \
 *     videoconvert ! x264enc ! mp4mux ! filesink location=clip-2x.mp4
 * ]| Makes the picture of a file twice as large.
 *
 * |[
 * gst-launch-1.0 videotestsrc is-live=true num-buffers=50 ! video/x-raw,width=64,height=48 ! \
 *     flashvsrupscale startup=fast overload=bicubic ! queue ! fakevideosink
 * ]| Shows a live source. When the machine is too slow, chunks of frames are only resized.
 */
#include "gst/gstflashvsrupscale.h"

#include <gst/video/gstvideometa.h>
#include <gst/video/video.h>

#include <utility>

#include "gst/allocation.h"
#include "gst/caps.h"
#include "gst/log.h"
#include "gst/picture_size.h"

#define GST_CAT_DEFAULT flashvsr_upscale_debug

// The macro's own cast. NOLINTNEXTLINE(performance-no-int-to-ptr)
G_DEFINE_TYPE(GstFlashVsrUpscale, gst_flash_vsr_upscale, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE(flashvsrupscale, "flashvsrupscale", GST_RANK_NONE,
                            GST_TYPE_FLASH_VSR_UPSCALE)

static GstBaseTransformClass* parent_transform_class() {
    return GST_BASE_TRANSFORM_CLASS(gst_flash_vsr_upscale_parent_class);
}

// ---- properties ------------------------------------------------------------------------------

static void gst_flash_vsr_upscale_set_property(GObject* object, guint id, const GValue* value,
                                               GParamSpec* spec) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(object);
    if (!self->properties->set_value(id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_flash_vsr_upscale_get_property(GObject* object, guint id, GValue* value,
                                               GParamSpec* spec) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(object);
    if (flashvsr::is_stats_property(id)) {
        g_value_take_boxed(value, self->upscaler->stats());
        return;
    }
    if (!self->properties->get_value(id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

// ---- state -----------------------------------------------------------------------------------

static GstStateChangeReturn gst_flash_vsr_upscale_change_state(GstElement* element,
                                                               GstStateChange transition) {
    flashvsr::Upscaler* upscaler = GST_FLASH_VSR_UPSCALE(element)->upscaler;
    switch (transition) {
        case GST_STATE_CHANGE_NULL_TO_READY:
            if (!upscaler->load_library()) return GST_STATE_CHANGE_FAILURE;
            break;
        case GST_STATE_CHANGE_READY_TO_PAUSED:
            if (!upscaler->open()) return GST_STATE_CHANGE_FAILURE;
            break;
        // The base class waits for the streaming thread, which may be waiting for the worker.
        case GST_STATE_CHANGE_PAUSED_TO_READY: upscaler->begin_close(); break;
        default: break;
    }
    const GstStateChangeReturn result =
        GST_ELEMENT_CLASS(gst_flash_vsr_upscale_parent_class)->change_state(element, transition);
    if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
        (transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE)) {
        upscaler->close();
    }
    return result;
}

// ---- caps ------------------------------------------------------------------------------------

static GstCaps* gst_flash_vsr_upscale_transform_caps(GstBaseTransform*, GstPadDirection direction,
                                                     GstCaps* caps, GstCaps* filter) {
    return flashvsr::transform_caps(direction, caps, filter);
}

static GstCaps* gst_flash_vsr_upscale_fixate_caps(GstBaseTransform* trans,
                                                  GstPadDirection direction, GstCaps* caps,
                                                  GstCaps* othercaps) {
    const gdouble scale = GST_FLASH_VSR_UPSCALE(trans)->properties->get().scale;
    return direction == GST_PAD_SINK ? flashvsr::fixate_output_caps(caps, scale, othercaps)
                                     : flashvsr::fixate_input_caps(caps, scale, othercaps);
}

static gboolean gst_flash_vsr_upscale_set_caps(GstBaseTransform* trans, GstCaps* incaps,
                                               GstCaps* outcaps) {
    flashvsr::FrameLayout in;
    flashvsr::FrameLayout out;
    if (!flashvsr::layout_from_caps(incaps, &in) || !flashvsr::layout_from_caps(outcaps, &out)) {
        GST_ERROR_OBJECT(trans, "unusable caps %" GST_PTR_FORMAT, incaps);
        return FALSE;
    }
    const std::string fault = flashvsr::size_fault(in.info, out.info);
    if (!fault.empty() && GST_FLASH_VSR_UPSCALE(trans)->properties->of_frame().enabled) {
        GST_ELEMENT_ERROR(trans, STREAM, FORMAT, ("%s", fault.c_str()), (nullptr));
        return FALSE;
    }
    return GST_FLASH_VSR_UPSCALE(trans)->upscaler->configure(in, out);
}

// ---- allocation ------------------------------------------------------------------------------

static gboolean gst_flash_vsr_upscale_propose_allocation(GstBaseTransform* trans,
                                                         GstQuery* decide_query, GstQuery* query) {
    return parent_transform_class()->propose_allocation(trans, decide_query, query) &&
           flashvsr::propose_allocation(query, GST_FLASH_VSR_UPSCALE(trans)->upscaler->cuda());
}

// Called when the worker rests.
static gboolean gst_flash_vsr_upscale_decide_allocation(GstBaseTransform* trans, GstQuery* query) {
    flashvsr::Upscaler* upscaler = GST_FLASH_VSR_UPSCALE(trans)->upscaler;
    const bool video_meta = gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    if (!flashvsr::ensure_pool(query, upscaler->cuda()) ||
        !parent_transform_class()->decide_allocation(trans, query)) {
        return FALSE;
    }
    GstBufferPool* pool = nullptr;
    gst_query_parse_nth_allocation_pool(query, 0, &pool, nullptr, nullptr, nullptr);
    upscaler->output()->set_allocation(flashvsr::PoolPtr(pool), video_meta);
    return TRUE;
}

static void gst_flash_vsr_upscale_set_context(GstElement* element, GstContext* context) {
    GST_FLASH_VSR_UPSCALE(element)->upscaler->cuda()->offer(context);
    GST_ELEMENT_CLASS(gst_flash_vsr_upscale_parent_class)->set_context(element, context);
}

// ---- metadata --------------------------------------------------------------------------------

static gboolean gst_flash_vsr_upscale_transform_meta(GstBaseTransform* trans, GstBuffer* outbuf,
                                                     GstMeta* meta, GstBuffer* inbuf) {
    const flashvsr::Output* output = GST_FLASH_VSR_UPSCALE(trans)->upscaler->output();
    return output->transform_meta(outbuf, meta, inbuf);
}

// ---- frames ----------------------------------------------------------------------------------

// Asks downstream anew for caps and buffers if it wants to be asked.
static bool gst_flash_vsr_upscale_negotiate(GstFlashVsrUpscale* self) {
    GstBaseTransform* trans = GST_BASE_TRANSFORM(self);
    if (gst_pad_check_reconfigure(trans->srcpad)) {
        gst_pad_mark_reconfigure(trans->srcpad);
        // The pool changes hands: the worker must not be using it.
        if (!self->upscaler->settle() || !gst_base_transform_reconfigure(trans)) return false;
    }
    return self->upscaler->configured();
}

static GstFlowReturn gst_flash_vsr_upscale_submit_input_buffer(GstBaseTransform* trans, gboolean,
                                                               GstBuffer* input) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(trans);
    flashvsr::BufferPtr buffer(input);
    if (!gst_flash_vsr_upscale_negotiate(self)) {
        return self->upscaler->interrupted() || GST_PAD_IS_FLUSHING(trans->srcpad)
                   ? GST_FLOW_FLUSHING
                   : GST_FLOW_NOT_NEGOTIATED;
    }
    return self->upscaler->queue(std::move(buffer));
}

// Nothing: buffers are pushed by the upscaler, in order with the events between them.
static GstFlowReturn gst_flash_vsr_upscale_generate_output(GstBaseTransform*, GstBuffer** outbuf) {
    *outbuf = nullptr;
    return GST_FLOW_OK;
}

// Without this function the base class would take the element for one that works in place.
static GstFlowReturn gst_flash_vsr_upscale_transform(GstBaseTransform* trans, GstBuffer* inbuf,
                                                     GstBuffer* outbuf) {
    return GST_FLASH_VSR_UPSCALE(trans)->upscaler->output()->resize(inbuf, outbuf);
}

// ---- events and queries ----------------------------------------------------------------------

// True if a segment event repeats the segment in force.
static bool repeats_segment(GstBaseTransform* trans, GstEvent* event) {
    if (!trans->have_segment) return false;
    GstSegment incoming;
    GstSegment current = trans->segment;
    gst_event_copy_segment(event, &incoming);
    incoming.position = current.position = 0;
    return gst_segment_is_equal(&incoming, &current);
}

// What an event asks of the frames before it.
enum class Order {
    kNone,     // nothing: it does not belong among them
    kBetween,  // to leave before it, whenever that is
    kSettled,  // to be in the engine: it changes what the worker uses
    kDrained   // to leave now: nothing comes that they could wait for
};

static bool repeats_caps(GstBaseTransform* trans, GstEvent* event) {
    GstCaps* incoming = nullptr;
    gst_event_parse_caps(event, &incoming);
    GstCaps* current = gst_pad_get_current_caps(trans->sinkpad);
    const bool equal = current && gst_caps_is_equal(current, incoming);
    gst_clear_caps(&current);
    return equal;
}

static Order gst_flash_vsr_upscale_order_of(GstFlashVsrUpscale* self, GstEvent* event) {
    GstBaseTransform* trans = GST_BASE_TRANSFORM(self);
    switch (GST_EVENT_TYPE(event)) {
        case GST_EVENT_EOS:
        case GST_EVENT_SEGMENT_DONE:
        case GST_EVENT_STREAM_START:
        case GST_EVENT_STREAM_GROUP_DONE: return Order::kDrained;
        case GST_EVENT_CAPS: return repeats_caps(trans, event) ? Order::kSettled : Order::kDrained;
        case GST_EVENT_SEGMENT:
            if (!self->upscaler->settle()) return Order::kDrained;
            return repeats_segment(trans, event) ? Order::kBetween : Order::kDrained;
        default: return GST_EVENT_IS_SERIALIZED(event) ? Order::kBetween : Order::kNone;
    }
}

// True if a flush or the end has kept new caps from being put to use: the next buffer does it. An
// error would stop a source that knows nothing of either.
static bool gst_flash_vsr_upscale_leave_caps(GstFlashVsrUpscale* self) {
    if (!self->upscaler->interrupted()) return false;
    gst_pad_mark_reconfigure(GST_BASE_TRANSFORM_SRC_PAD(self));
    return true;
}

// The same for any event (taken over) that has to wait for the frames before it.
static gboolean gst_flash_vsr_upscale_leave_event(GstFlashVsrUpscale* self, GstEvent* event) {
    if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
        gst_flash_vsr_upscale_leave_caps(self);
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START) {
        gst_pad_store_sticky_event(GST_BASE_TRANSFORM_SRC_PAD(self), event);
    }
    gst_event_unref(event);
    return TRUE;
}

static gboolean gst_flash_vsr_upscale_sink_event(GstBaseTransform* trans, GstEvent* event) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(trans);
    flashvsr::Upscaler* upscaler = self->upscaler;
    bool ready = true;
    const bool caps = GST_EVENT_TYPE(event) == GST_EVENT_CAPS;
    if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_START) {
        upscaler->begin_flush();
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) {
        upscaler->end_flush();
    } else {
        switch (gst_flash_vsr_upscale_order_of(self, event)) {
            case Order::kNone: break;
            case Order::kBetween:
                if (upscaler->idle()) break;
                upscaler->queue(flashvsr::EventPtr(event));
                return TRUE;
            case Order::kSettled: ready = upscaler->settle(); break;
            case Order::kDrained:
                ready = upscaler->drain();
                upscaler->forgive(GST_EVENT_TYPE(event));
                break;
        }
    }
    if (!ready) return gst_flash_vsr_upscale_leave_event(self, event);
    return parent_transform_class()->sink_event(trans, event) ||
           (caps && gst_flash_vsr_upscale_leave_caps(self));
}

// Adds the element's own latency to what upstream answers.
static gboolean gst_flash_vsr_upscale_query_latency(GstFlashVsrUpscale* self, GstQuery* query) {
    if (!gst_pad_peer_query(GST_BASE_TRANSFORM_SINK_PAD(self), query)) return FALSE;
    gboolean live = FALSE;
    GstClockTime min = 0;
    GstClockTime max = GST_CLOCK_TIME_NONE;
    gst_query_parse_latency(query, &live, &min, &max);
    self->upscaler->note_latency_query(live);
    const GstClockTime own = self->upscaler->latency();
    min += own;
    if (GST_CLOCK_TIME_IS_VALID(max)) max += own + self->upscaler->spare_capacity();
    if (max < min) {
        GST_CAT_ERROR_OBJECT(flashvsr_latency_debug, self,
                             "upstream can hold back less than it needs: %" GST_TIME_FORMAT
                             " of %" GST_TIME_FORMAT,
                             GST_TIME_ARGS(max), GST_TIME_ARGS(min));
    }
    gst_query_set_latency(query, live, min, max);
    return TRUE;
}

static gboolean gst_flash_vsr_upscale_query(GstBaseTransform* trans, GstPadDirection direction,
                                            GstQuery* query) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(trans);
    if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY && direction == GST_PAD_SRC) {
        return gst_flash_vsr_upscale_query_latency(self, query);
    }
    if (GST_QUERY_TYPE(query) == GST_QUERY_CONTEXT && self->upscaler->cuda()->answer(query)) {
        return TRUE;
    }
    if (GST_QUERY_TYPE(query) == GST_QUERY_DRAIN && direction == GST_PAD_SINK &&
        !self->upscaler->drain()) {
        return FALSE;
    }
    return parent_transform_class()->query(trans, direction, query);
}

static gboolean gst_flash_vsr_upscale_src_event(GstBaseTransform* trans, GstEvent* event) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(trans);
    switch (GST_EVENT_TYPE(event)) {
        case GST_EVENT_LATENCY: self->upscaler->note_latency_event(); break;
        case GST_EVENT_RECONFIGURE: self->upscaler->forgive(GST_EVENT_RECONFIGURE); break;
        case GST_EVENT_QOS: {
            GstClockTimeDiff jitter = 0;
            GstClockTime timestamp = GST_CLOCK_TIME_NONE;
            gst_event_parse_qos(event, nullptr, nullptr, &jitter, &timestamp);
            self->upscaler->note_qos(jitter, timestamp);
            if (self->properties->of_frame().overload == flashvsr::Overload::kBlock) break;
            gst_event_unref(event);  // dealt with here, and not frame by frame in a decoder
            return TRUE;
        }
        default: break;
    }
    return parent_transform_class()->src_event(trans, event);
}

// ---- class -----------------------------------------------------------------------------------

static void gst_flash_vsr_upscale_init(GstFlashVsrUpscale* self) {
    self->properties = new flashvsr::PropertyStore;
    self->upscaler = new flashvsr::Upscaler(GST_BASE_TRANSFORM(self), self->properties);
}

static void gst_flash_vsr_upscale_finalize(GObject* object) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(object);
    delete self->upscaler;
    delete self->properties;
    G_OBJECT_CLASS(gst_flash_vsr_upscale_parent_class)->finalize(object);
}

static void gst_flash_vsr_upscale_class_init(GstFlashVsrUpscaleClass* klass) {
    GObjectClass* object_class = G_OBJECT_CLASS(klass);
    object_class->set_property = gst_flash_vsr_upscale_set_property;
    object_class->get_property = gst_flash_vsr_upscale_get_property;
    object_class->finalize = gst_flash_vsr_upscale_finalize;
    flashvsr::install_properties(object_class);

    GstElementClass* element_class = GST_ELEMENT_CLASS(klass);
    element_class->change_state = gst_flash_vsr_upscale_change_state;
    element_class->set_context = gst_flash_vsr_upscale_set_context;
    gst_element_class_set_static_metadata(
        element_class, "FlashVSR video upscaler", "Filter/Effect/Converter/Video/Scaler",
        "Upscales video with FlashVSR, a streaming diffusion transformer", "flashvsrupscale");
    GstCaps* caps = flashvsr::template_caps();
    gst_element_class_add_pad_template(
        element_class, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
    gst_element_class_add_pad_template(
        element_class, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
    gst_caps_unref(caps);

    GstBaseTransformClass* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
    transform_class->transform_caps = gst_flash_vsr_upscale_transform_caps;
    transform_class->fixate_caps = gst_flash_vsr_upscale_fixate_caps;
    transform_class->set_caps = gst_flash_vsr_upscale_set_caps;
    transform_class->propose_allocation = gst_flash_vsr_upscale_propose_allocation;
    transform_class->decide_allocation = gst_flash_vsr_upscale_decide_allocation;
    transform_class->transform_meta = gst_flash_vsr_upscale_transform_meta;
    transform_class->submit_input_buffer = gst_flash_vsr_upscale_submit_input_buffer;
    transform_class->generate_output = gst_flash_vsr_upscale_generate_output;
    transform_class->transform = gst_flash_vsr_upscale_transform;
    transform_class->sink_event = gst_flash_vsr_upscale_sink_event;
    transform_class->src_event = gst_flash_vsr_upscale_src_event;
    transform_class->query = gst_flash_vsr_upscale_query;
}
