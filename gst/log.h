// SPDX-License-Identifier: Apache-2.0
// Debug categories of the plugin, one for each area; all are set up by plugin_init.
#pragma once

#include <gst/gst.h>

GST_DEBUG_CATEGORY_EXTERN(flashvsr_upscale_debug);   // flashvsrupscale: the element
GST_DEBUG_CATEGORY_EXTERN(flashvsr_worker_debug);    // flashvsrworker: threads and their FIFOs
GST_DEBUG_CATEGORY_EXTERN(flashvsr_model_debug);     // flashvsrmodel: finding and loading models
GST_DEBUG_CATEGORY_EXTERN(flashvsr_latency_debug);   // flashvsrlatency: what is reported, and why
GST_DEBUG_CATEGORY_EXTERN(flashvsr_overload_debug);  // flashvsroverload: frames given up
GST_DEBUG_CATEGORY_EXTERN(flashvsr_cuda_debug);      // flashvsrcuda: contexts and device memory
GST_DEBUG_CATEGORY_EXTERN(flashvsr_engine_debug);    // flashvsrengine: what the engine reports
