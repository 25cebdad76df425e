#ifndef FLASHVSR_PIPELINES_UPSCALE_FEED_H_
#define FLASHVSR_PIPELINES_UPSCALE_FEED_H_

#include <gst/app/gstappsrc.h>

#include <atomic>

#include "pipelines/upscale/source.h"

namespace upscale {

/// Hands an appsrc what no element of GStreamer reads by itself: images under any names, one after
/// the other, or a pipe of which the beginning was read already. Posts an element error where one
/// cannot be read.
class Feed {
  public:
    /// Sets up `appsrc`, which calls the feed from its streaming thread. The source outlives it.
    /// first: the image to begin with. fps: of images.
    Feed(GstElement* appsrc, const Source& source, double fps, size_t first);

    /// Images, or blocks of bytes, that were handed over.
    size_t handed() const { return handed_; }

  private:
    GstCaps* caps() const;
    GstBuffer* next();
    GstBuffer* next_image();
    GstBuffer* next_bytes();
    static void on_need_data(GstAppSrc* appsrc, guint, gpointer self);

    GstElement* appsrc_;
    const Source& source_;
    int fps_n_ = 30, fps_d_ = 1;
    size_t position_;
    std::atomic<size_t> handed_{0};
};

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_FEED_H_
