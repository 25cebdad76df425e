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
 * The element adds 24 frame periods and the time of the first chunk to the latency of a live
 * pipeline. Frames come out in bursts of 8.
 *
 * The engine is a library of its own, `libflashvsr.so`, opened when the element goes to READY. It
 * is looked for beside the plugin, in the folder above it and on the linker's path; the environment
 * variable `FLASHVSR_ENGINE` names another one. The model's files are looked for as
 * #GstFlashVsrUpscale:model-dir says.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.mp4 ! decodebin ! videoconvert ! flashvsrupscale scale=4 \
 *     model-dir=FlashVSR-v1.1 ! videoconvert ! x264enc ! mp4mux ! filesink location=clip-4x.mp4
 * ]|
 */
#include "gst/gstflashvsrupscale.h"

#include <gst/video/gstvideometa.h>
#include <gst/video/gstvideopool.h>
#include <gst/video/video.h>

#include "gst/caps.h"
#include "gst/log.h"

#define GST_CAT_DEFAULT flashvsr_upscale_debug

using flashvsr::Item;

/* The macro's own cast. NOLINTNEXTLINE(performance-no-int-to-ptr) */
G_DEFINE_TYPE(GstFlashVsrUpscale, gst_flash_vsr_upscale, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE(flashvsrupscale, "flashvsrupscale", GST_RANK_NONE,
                            GST_TYPE_FLASH_VSR_UPSCALE)

static GstBaseTransformClass* parent_transform_class() {
    return GST_BASE_TRANSFORM_CLASS(gst_flash_vsr_upscale_parent_class);
}

/* ---- properties ------------------------------------------------------------------------------ */

static void gst_flash_vsr_upscale_set_property(GObject* object, guint id, const GValue* value,
                                               GParamSpec* spec) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(object);
    GST_OBJECT_LOCK(self);
    const bool known = flashvsr::set_property(self->properties, id, value);
    GST_OBJECT_UNLOCK(self);
    if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_flash_vsr_upscale_get_property(GObject* object, guint id, GValue* value,
                                               GParamSpec* spec) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(object);
    if (flashvsr::is_stats_property(id)) {
        g_value_take_boxed(value, self->upscaler->stats());
        return;
    }
    GST_OBJECT_LOCK(self);
    const bool known = flashvsr::get_property(*self->properties, id, value);
    GST_OBJECT_UNLOCK(self);
    if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static gdouble gst_flash_vsr_upscale_get_scale(GstFlashVsrUpscale* self) {
    GST_OBJECT_LOCK(self);
    const gdouble scale = self->properties->scale;
    GST_OBJECT_UNLOCK(self);
    return scale;
}

/* ---- state ----------------------------------------------------------------------------------- */

static GstStateChangeReturn gst_flash_vsr_upscale_change_state(GstElement* element,
                                                               GstStateChange transition) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(element);
    if (transition == GST_STATE_CHANGE_NULL_TO_READY && !self->upscaler->load_library()) {
        return GST_STATE_CHANGE_FAILURE;
    }
    return GST_ELEMENT_CLASS(gst_flash_vsr_upscale_parent_class)->change_state(element, transition);
}

static gboolean gst_flash_vsr_upscale_start(GstBaseTransform* trans) {
    return GST_FLASH_VSR_UPSCALE(trans)->upscaler->open();
}

static gboolean gst_flash_vsr_upscale_stop(GstBaseTransform* trans) {
    GST_FLASH_VSR_UPSCALE(trans)->upscaler->close();
    return TRUE;
}

/* ---- caps ------------------------------------------------------------------------------------ */

static GstCaps* gst_flash_vsr_upscale_transform_caps(GstBaseTransform*, GstPadDirection direction,
                                                     GstCaps* caps, GstCaps* filter) {
    return flashvsr::transform_caps(direction, caps, filter);
}

static GstCaps* gst_flash_vsr_upscale_fixate_caps(GstBaseTransform* trans,
                                                  GstPadDirection direction, GstCaps* caps,
                                                  GstCaps* othercaps) {
    const gdouble scale = gst_flash_vsr_upscale_get_scale(GST_FLASH_VSR_UPSCALE(trans));
    return direction == GST_PAD_SINK ? flashvsr::fixate_output_caps(caps, scale, othercaps)
                                     : flashvsr::fixate_input_caps(caps, scale, othercaps);
}

static gboolean gst_flash_vsr_upscale_set_caps(GstBaseTransform* trans, GstCaps* incaps,
                                               GstCaps* outcaps) {
    GstVideoInfo in;
    GstVideoInfo out;
    if (!gst_video_info_from_caps(&in, incaps) || !gst_video_info_from_caps(&out, outcaps) ||
        GST_VIDEO_INFO_IS_INTERLACED(&in)) {
        GST_ERROR_OBJECT(trans, "unusable caps %" GST_PTR_FORMAT, incaps);
        return FALSE;
    }
    return GST_FLASH_VSR_UPSCALE(trans)->upscaler->configure(in, out);
}

/* ---- allocation ------------------------------------------------------------------------------ */

static gboolean gst_flash_vsr_upscale_propose_allocation(GstBaseTransform* trans,
                                                         GstQuery* decide_query, GstQuery* query) {
    GstCaps* caps = nullptr;
    GstVideoInfo info;
    gst_query_parse_allocation(query, &caps, nullptr);
    if (!caps || !gst_video_info_from_caps(&info, caps) ||
        !parent_transform_class()->propose_allocation(trans, decide_query, query)) {
        return FALSE;
    }
    gst_query_add_allocation_pool(query, nullptr, GST_VIDEO_INFO_SIZE(&info), 0, 0);
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    return TRUE;
}

/* Makes sure that there is a pool, downstream's if it offers one. */
static gboolean gst_flash_vsr_upscale_decide_allocation(GstBaseTransform* trans, GstQuery* query) {
    GstCaps* caps = nullptr;
    GstVideoInfo info;
    gst_query_parse_allocation(query, &caps, nullptr);
    if (!caps || !gst_video_info_from_caps(&info, caps)) return FALSE;

    GstBufferPool* pool = nullptr;
    guint size = 0;
    guint min = 0;
    guint max = 0;
    const bool offered = gst_query_get_n_allocation_pools(query) > 0;
    if (offered) gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, &min, &max);
    if (!pool) pool = gst_video_buffer_pool_new();
    size = MAX(size, GST_VIDEO_INFO_SIZE(&info));

    const bool video_meta = gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    GST_FLASH_VSR_UPSCALE(trans)->upscaler->set_downstream_video_meta(video_meta);
    if (video_meta && gst_buffer_pool_has_option(pool, GST_BUFFER_POOL_OPTION_VIDEO_META)) {
        GstStructure* config = gst_buffer_pool_get_config(pool);
        gst_buffer_pool_config_set_params(config, caps, size, min, max);
        gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
        /* The base class configures again and falls back to another pool when that fails. */
        gst_buffer_pool_set_config(pool, config);
    }

    if (offered) {
        gst_query_set_nth_allocation_pool(query, 0, pool, size, min, max);
    } else {
        gst_query_add_allocation_pool(query, pool, size, min, max);
    }
    gst_object_unref(pool);
    return parent_transform_class()->decide_allocation(trans, query);
}

/* ---- metadata -------------------------------------------------------------------------------- */

/* What describes the picture as a whole is copied, what has sizes or places in it is scaled, what
 * we do not know (colour space and the like) is dropped. */
static gboolean gst_flash_vsr_upscale_transform_meta(GstBaseTransform* trans, GstBuffer* outbuf,
                                                     GstMeta* meta, GstBuffer* inbuf) {
    bool has_size = false;
    const gchar* const* tags = gst_meta_api_type_get_tags(meta->info->api);
    for (; tags && *tags; tags++) {
        if (g_str_equal(*tags, GST_META_TAG_VIDEO_SIZE_STR)) {
            has_size = true;
        } else if (!g_str_equal(*tags, GST_META_TAG_VIDEO_STR) &&
                   !g_str_equal(*tags, GST_META_TAG_VIDEO_ORIENTATION_STR)) {
            return FALSE;
        }
    }
    if (!has_size) return TRUE;
    if (meta->info->transform_func) {
        GST_FLASH_VSR_UPSCALE(trans)->upscaler->scale_meta(outbuf, meta, inbuf);
    }
    return FALSE; /* done: the base class shall not copy it as well */
}

/* ---- frames ---------------------------------------------------------------------------------- */

static GstFlowReturn gst_flash_vsr_upscale_submit_input_buffer(GstBaseTransform* trans, gboolean,
                                                               GstBuffer* input) {
    GstFlashVsrUpscale* self = GST_FLASH_VSR_UPSCALE(trans);
    if (!gst_base_transform_reconfigure(trans) || !self->upscaler->configured()) {
        gst_buffer_unref(input);
        return GST_PAD_IS_FLUSHING(trans->srcpad) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
    }
    self->upscaler->queue(Item::of(input));
    return GST_FLOW_OK;
}

/* Buffers are pushed by the upscaler, in order with the events between them. */
static GstFlowReturn gst_flash_vsr_upscale_generate_output(GstBaseTransform* trans,
                                                           GstBuffer** outbuf) {
    *outbuf = nullptr;
    return GST_FLASH_VSR_UPSCALE(trans)->upscaler->run_queued();
}

/* Without this function the base class would take the element for one that works in place. */
static GstFlowReturn gst_flash_vsr_upscale_transform(GstBaseTransform* trans, GstBuffer* inbuf,
                                                     GstBuffer* outbuf) {
    return GST_FLASH_VSR_UPSCALE(trans)->upscaler->resize(inbuf, outbuf);
}

/* ---- events and queries ---------------------------------------------------------------------- */

/* True if a segment event repeats the segment in force. */
static bool repeats_segment(GstBaseTransform* trans, GstEvent* event) {
    if (!trans->have_segment) return false;
    GstSegment incoming;
    GstSegment current = trans->segment;
    gst_event_copy_segment(event, &incoming);
    incoming.position = current.position = 0;
    return gst_segment_is_equal(&incoming, &current);
}

/* Events after which the frames inside have nothing more to wait for. A change of caps drains in
 * set_caps(), which the base class calls only if they differ. */
static bool ends_stream(GstBaseTransform* trans, GstEvent* event) {
    switch (GST_EVENT_TYPE(event)) {
        case GST_EVENT_EOS:
        case GST_EVENT_SEGMENT_DONE:
        case GST_EVENT_STREAM_START:
        case GST_EVENT_STREAM_GROUP_DONE: return true;
        case GST_EVENT_SEGMENT: return !repeats_segment(trans, event);
        default: return false;
    }
}

static gboolean gst_flash_vsr_upscale_sink_event(GstBaseTransform* trans, GstEvent* event) {
    flashvsr::Upscaler* upscaler = GST_FLASH_VSR_UPSCALE(trans)->upscaler;
    if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP) {
        upscaler->flush();
    } else if (ends_stream(trans, event)) {
        upscaler->drain();
    } else if (GST_EVENT_IS_SERIALIZED(event) && GST_EVENT_TYPE(event) != GST_EVENT_CAPS &&
               !upscaler->idle()) {
        upscaler->queue(Item::of(event));
        return TRUE;
    }
    return parent_transform_class()->sink_event(trans, event);
}

static gboolean gst_flash_vsr_upscale_query(GstBaseTransform* trans, GstPadDirection direction,
                                            GstQuery* query) {
    if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY || direction != GST_PAD_SRC) {
        return parent_transform_class()->query(trans, direction, query);
    }
    if (!gst_pad_peer_query(trans->sinkpad, query)) return FALSE;
    gboolean live = FALSE;
    GstClockTime min = 0;
    GstClockTime max = GST_CLOCK_TIME_NONE;
    gst_query_parse_latency(query, &live, &min, &max);
    const GstClockTime own = GST_FLASH_VSR_UPSCALE(trans)->upscaler->latency();
    min += own;
    if (GST_CLOCK_TIME_IS_VALID(max)) max += own;
    gst_query_set_latency(query, live, min, max);
    return TRUE;
}

/* ---- class ----------------------------------------------------------------------------------- */

static void gst_flash_vsr_upscale_init(GstFlashVsrUpscale* self) {
    self->properties = new flashvsr::Properties;
    self->upscaler = new flashvsr::Upscaler(self);
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
    gst_element_class_set_static_metadata(
        element_class, "FlashVSR video upscaler", "Filter/Effect/Converter/Video/Scaler",
        "Upscales video with FlashVSR, a streaming diffusion transformer", "flashvsrupscale");
    GstCaps* caps = gst_caps_from_string(FLASHVSR_CAPS);
    gst_element_class_add_pad_template(
        element_class, gst_pad_template_new("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
    gst_element_class_add_pad_template(
        element_class, gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
    gst_caps_unref(caps);

    GstBaseTransformClass* transform_class = GST_BASE_TRANSFORM_CLASS(klass);
    transform_class->start = gst_flash_vsr_upscale_start;
    transform_class->stop = gst_flash_vsr_upscale_stop;
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
    transform_class->query = gst_flash_vsr_upscale_query;
}
