// SPDX-License-Identifier: Apache-2.0
// Where buffers come from, on either side.
#pragma once

#include <gst/gst.h>

#include "gst/cuda_memory.h"

namespace flashvsr {

// Answers upstream's ALLOCATION query: any strides, any crop, and for frames in CUDA memory a pool
// in the context that the engine computes in.
bool propose_allocation(GstQuery* query, CudaContext* cuda);

// Makes sure that downstream's answer to an ALLOCATION query has a pool: its own one if it offers
// any that the engine can write to.
bool ensure_pool(GstQuery* query, CudaContext* cuda);

}  // namespace flashvsr
