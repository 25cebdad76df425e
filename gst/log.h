/* Debug categories of the plugin: "flashvsrupscale" for the element, "flashvsrengine" for what the
 * engine reports. Both are set up by plugin_init. */
#pragma once

#include <gst/gst.h>

GST_DEBUG_CATEGORY_EXTERN(flashvsr_upscale_debug);
GST_DEBUG_CATEGORY_EXTERN(flashvsr_engine_debug);
