// SPDX-License-Identifier: Apache-2.0
#include "gst/gstflashvsrupscale.h"
#include "gst/log.h"

GST_DEBUG_CATEGORY(flashvsr_upscale_debug);
GST_DEBUG_CATEGORY(flashvsr_worker_debug);
GST_DEBUG_CATEGORY(flashvsr_model_debug);
GST_DEBUG_CATEGORY(flashvsr_latency_debug);
GST_DEBUG_CATEGORY(flashvsr_overload_debug);
GST_DEBUG_CATEGORY(flashvsr_cuda_debug);
GST_DEBUG_CATEGORY(flashvsr_engine_debug);

static gboolean plugin_init(GstPlugin* plugin) {
    GST_DEBUG_CATEGORY_INIT(flashvsr_upscale_debug, "flashvsrupscale", 0, "FlashVSR element");
    GST_DEBUG_CATEGORY_INIT(flashvsr_worker_debug, "flashvsrworker", 0, "FlashVSR threads");
    GST_DEBUG_CATEGORY_INIT(flashvsr_model_debug, "flashvsrmodel", 0, "FlashVSR model loading");
    GST_DEBUG_CATEGORY_INIT(flashvsr_latency_debug, "flashvsrlatency", 0, "FlashVSR latency");
    GST_DEBUG_CATEGORY_INIT(flashvsr_overload_debug, "flashvsroverload", 0, "FlashVSR overload");
    GST_DEBUG_CATEGORY_INIT(flashvsr_cuda_debug, "flashvsrcuda", 0, "FlashVSR CUDA memory");
    GST_DEBUG_CATEGORY_INIT(flashvsr_engine_debug, "flashvsrengine", 0, "FlashVSR engine");
    return GST_ELEMENT_REGISTER(flashvsrupscale, plugin);
}

#define PACKAGE "flashvsrupscale"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, flashvsr,
                  "Video super-resolution with FlashVSR", plugin_init, FLASHVSR_VERSION,
                  "Apache 2.0", "flashvsrupscale", "flashvsrupscale")
