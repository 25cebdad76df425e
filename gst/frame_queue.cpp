// SPDX-License-Identifier: Apache-2.0
#include "gst/frame_queue.h"

namespace flashvsr {

namespace {

BufferPtr without_pixels(GstBuffer* buffer) {
    BufferPtr result(gst_buffer_new());
    gst_buffer_copy_into(
        result.get(), buffer,
        static_cast<GstBufferCopyFlags>(GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS |
                                        GST_BUFFER_COPY_META),
        0, static_cast<gsize>(-1));
    // Metas that hold on to memory would keep it from going back to its pool.
    gst_buffer_foreach_meta(
        result.get(),
        [](GstBuffer*, GstMeta** meta, gpointer) -> gboolean {
            static const GQuark reference = g_quark_from_static_string("memory-reference");
            if (gst_meta_api_type_has_tag((*meta)->info->api, reference)) *meta = nullptr;
            return TRUE;
        },
        nullptr);
    return result;
}

}  // namespace

std::vector<BufferPtr> FrameQueue::remove_frames(int count) {
    std::vector<BufferPtr> removed;
    std::deque<Item> items = std::exchange(items_, {});
    frames_ = 0;
    for (Item& item : items) {
        if (item.buffer && static_cast<int>(removed.size()) < count) {
            removed.push_back(std::move(item.buffer));
            continue;
        }
        if (item.buffer && frames_ == 0) mark_discont(&item.buffer);
        push(std::move(item));
    }
    return removed;
}

void mark_discont(BufferPtr* frame) {
    frame->reset(gst_buffer_make_writable(frame->release()));
    GST_BUFFER_FLAG_SET(frame->get(), GST_BUFFER_FLAG_DISCONT);
}

bool has_pixels(GstBuffer* buffer) { return gst_buffer_n_memory(buffer) > 0; }

void PendingFrames::push(BufferPtr frame, bool with_pixels) {
    without_pixels_ += with_pixels ? 0 : 1;
    queue_.push({with_pixels ? std::move(frame) : without_pixels(frame.get()), nullptr});
}

Item PendingFrames::pop() {
    Item item = queue_.pop();
    if (item.buffer && !has_pixels(item.buffer.get())) without_pixels_--;
    return item;
}

FrameQueue PendingFrames::take() {
    without_pixels_ = 0;
    return std::exchange(queue_, {});
}

}  // namespace flashvsr
