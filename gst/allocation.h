/* Where buffers come from, on either side. */
#pragma once

#include <gst/gst.h>

#include "gst/cuda_memory.h"
#include "gst/frame_queue.h"

namespace flashvsr {

/* Answers upstream's ALLOCATION query: any strides, any crop, and for frames in CUDA memory a pool
 * in the context that the engine computes in. */
bool propose_allocation(GstQuery* query, CudaContext* cuda);

/* Makes sure that downstream's answer to an ALLOCATION query has a pool: its own one if it offers
 * any that the engine can write to. */
bool ensure_pool(GstQuery* query, CudaContext* cuda);

/* Makes a frame the element's own, so that it can be kept for long and upstream does not run out of
 * buffers meanwhile: copies it, unless it is of a pool without a limit. */
void take_over(Item* frame);

}  // namespace flashvsr
