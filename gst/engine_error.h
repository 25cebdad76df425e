// SPDX-License-Identifier: Apache-2.0
// Errors of the engine as errors of the element.
#pragma once

#include <gst/gst.h>

#include "core/flashvsr.h"

namespace flashvsr {

// Posts an error message on the bus, in the domain that fits the status: RESOURCE for missing or
// unreadable files and for memory, STREAM/FORMAT for a file of another kind, LIBRARY for the rest.
// Where memory is what lacks, the message ends with what to do about it.
void post_engine_error(GstElement* element, const FlashvsrError& error);

}  // namespace flashvsr
