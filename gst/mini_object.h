// SPDX-License-Identifier: Apache-2.0
// Owners of one reference to what GStreamer counts references of.
#pragma once

#include <gst/gst.h>

#include <memory>

namespace flashvsr {

struct MiniObjectUnref {
    void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
    void operator()(GstEvent* event) const { gst_event_unref(event); }
};

struct ObjectUnref {
    void operator()(gpointer object) const { gst_object_unref(object); }
};

using BufferPtr = std::unique_ptr<GstBuffer, MiniObjectUnref>;
using EventPtr = std::unique_ptr<GstEvent, MiniObjectUnref>;
using PoolPtr = std::unique_ptr<GstBufferPool, ObjectUnref>;

}  // namespace flashvsr
