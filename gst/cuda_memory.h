// SPDX-License-Identifier: Apache-2.0
// memory:CUDAMemory: contexts, pools, and frames that stay on the device.
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include <map>
#include <memory>
#include <mutex>

#include "gst/frame_map.h"
#include "gst/mini_object.h"
#include "gst/properties.h"

#define FLASHVSR_CUDA_MEMORY_FEATURE "memory:CUDAMemory"

typedef struct _GstCudaContext GstCudaContext;

namespace flashvsr {

// Whether this build knows libgstcuda. Where it does not, everything below says no.
bool cuda_memory_is_built_in();

// Whether structure `index` of the caps is of frames in CUDA memory.
bool has_cuda_memory(const GstCaps* caps, guint index);

// Whether a buffer's memory is on a device.
bool is_in_cuda_memory(GstBuffer* buffer);

// To be combined with GST_MAP_READ or GST_MAP_WRITE: addresses on the device.
constexpr int kMapCuda = GST_MAP_FLAG_LAST << 1;  // as gstcudamemory.h has it

// The element's part in sharing CUDA contexts. The engine computes in the primary context of its
// device, while other elements make a context of their own unless they are given one: so whoever
// asks is given the primary one. Any thread may call anything.
class CudaContext {
  public:
    CudaContext(GstElement* element, const PropertyStore* properties)
        : element_(element), properties_(properties) {}
    ~CudaContext();
    CudaContext(const CudaContext&) = delete;
    CudaContext& operator=(const CudaContext&) = delete;

    // A context that the application or a bin hands out; one that is not the primary one of the
    // element's device is of no use here.
    void offer(GstContext* context);
    // A neighbour's CONTEXT query. False: not answered.
    bool answer(GstQuery* query);

    // The primary context of the device that the property `device` names. When it is first needed
    // it is asked for in the pipeline, else made and told. NULL: there is none, or the element
    // computes on the CPU. Stays the object's.
    GstCudaContext* primary();

    // A pool of buffers in the primary context, for frames of fixed caps. Posts an element error
    // and returns NULL where there is no such context.
    PoolPtr make_pool(GstCaps* caps);
    // True if the engine can write to buffers of this pool.
    bool owns(GstBufferPool* pool);

  private:
    GstCudaContext* known(int number);

    GstElement* const element_;
    const PropertyStore* const properties_;
    std::mutex mutex_;
    std::map<int, GstCudaContext*> primaries_;  // by device number; kept while the object lives
};

// Frames in CUDA memory, readable by the engine: what lies in another context than the primary one
// is copied, from device to device. The worker's thread uses it.
class CudaInput {
  public:
    explicit CudaInput(CudaContext* context) : context_(context) {}
    ~CudaInput();
    CudaInput(const CudaInput&) = delete;
    CudaInput& operator=(const CudaInput&) = delete;

    // Maps a frame for reading on the device; NULL if its memory is not on one, or the copy failed.
    // Valid until the next call.
    std::unique_ptr<MappedFrame> map(GstBuffer* buffer, const GstVideoInfo& info);
    // Copies every `step`th row of a plane to the host, `count` of them and of each the first
    // `bytes`, one behind the other. `frame` is from map().
    bool copy_rows(MappedFrame* frame, guint plane, int step, int count, int bytes, guint8* to);
    // Frames of another size or format will come, or to another device.
    void forget();

  private:
    bool copy(GstBuffer* buffer, const GstVideoInfo& info);
    gpointer stream();
    BufferPtr make_copy(const GstVideoInfo& info) const;

    CudaContext* const context_;
    BufferPtr copy_;                            // of a frame of another context, in the primary one
    gpointer stream_ = nullptr;                 // a CUstream for copies
    GstCudaContext* stream_context_ = nullptr;  // in which it was made; `context_` keeps it
};

}  // namespace flashvsr
