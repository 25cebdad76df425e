// SPDX-License-Identifier: Apache-2.0
#include "gst/allocation.h"

#include <gst/video/gstvideometa.h>
#include <gst/video/gstvideopool.h>
#include <gst/video/video.h>

#include "gst/frame_map.h"

namespace flashvsr {

namespace {

bool query_layout(GstQuery* query, GstCaps** caps, FrameLayout* layout) {
    gst_query_parse_allocation(query, caps, nullptr);
    return *caps && layout_from_caps(*caps, layout);
}

}  // namespace

bool propose_allocation(GstQuery* query, CudaContext* cuda) {
    GstCaps* caps = nullptr;
    FrameLayout layout;
    if (!query_layout(query, &caps, &layout)) return false;
    const PoolPtr pool = layout.cuda ? cuda->make_pool(caps) : nullptr;
    if (layout.cuda && !pool) return false;
    gst_query_add_allocation_pool(query, pool.get(), GST_VIDEO_INFO_SIZE(&layout.info), 0, 0);
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    gst_query_add_allocation_meta(query, GST_VIDEO_CROP_META_API_TYPE, nullptr);
    return true;
}

bool ensure_pool(GstQuery* query, CudaContext* cuda) {
    GstCaps* caps = nullptr;
    FrameLayout layout;
    if (!query_layout(query, &caps, &layout)) return false;

    GstBufferPool* offered = nullptr;
    guint size = 0;
    guint min = 0;
    guint max = 0;
    const bool has_entry = gst_query_get_n_allocation_pools(query) > 0;
    if (has_entry) gst_query_parse_nth_allocation_pool(query, 0, &offered, &size, &min, &max);
    PoolPtr pool(offered);
    if (layout.cuda && !cuda->owns(pool.get())) {
        pool = cuda->make_pool(caps);
        min = max = 0;
        if (!pool) return false;
    }
    if (!pool) pool.reset(gst_video_buffer_pool_new());
    size = MAX(size, GST_VIDEO_INFO_SIZE(&layout.info));

    const bool video_meta =
        layout.cuda || gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
    if (video_meta && gst_buffer_pool_has_option(pool.get(), GST_BUFFER_POOL_OPTION_VIDEO_META)) {
        GstStructure* config = gst_buffer_pool_get_config(pool.get());
        gst_buffer_pool_config_set_params(config, caps, size, min, max);
        gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
        // The base class configures again and falls back to another pool when that fails.
        gst_buffer_pool_set_config(pool.get(), config);
    }
    if (has_entry) {
        gst_query_set_nth_allocation_pool(query, 0, pool.get(), size, min, max);
    } else {
        gst_query_add_allocation_pool(query, pool.get(), size, min, max);
    }
    return true;
}

}  // namespace flashvsr
