// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>

#include "gst/properties.h"
#include "gst/upscaler.h"

G_BEGIN_DECLS

#define GST_TYPE_FLASH_VSR_UPSCALE (gst_flash_vsr_upscale_get_type())
G_DECLARE_FINAL_TYPE(GstFlashVsrUpscale, gst_flash_vsr_upscale, GST, FLASH_VSR_UPSCALE,
                     GstBaseTransform)

struct _GstFlashVsrUpscale {
    GstBaseTransform parent;

    flashvsr::PropertyStore* properties;
    flashvsr::Upscaler* upscaler;  // see upscaler.h for what each thread may call
};

GST_ELEMENT_REGISTER_DECLARE(flashvsrupscale)

G_END_DECLS
