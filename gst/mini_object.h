/* Owners of one reference to a GstMiniObject. */
#pragma once

#include <gst/gst.h>

#include <memory>

namespace flashvsr {

struct MiniObjectUnref {
    void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
    void operator()(GstEvent* event) const { gst_event_unref(event); }
};

using BufferPtr = std::unique_ptr<GstBuffer, MiniObjectUnref>;
using EventPtr = std::unique_ptr<GstEvent, MiniObjectUnref>;

}  // namespace flashvsr
