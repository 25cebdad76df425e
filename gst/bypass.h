/* What happens to frames while the property `enabled` is false. */
#pragma once

#include <gst/video/video.h>

#include <memory>

namespace flashvsr {

/* Plain bicubic resize and conversion of a frame by GStreamer. Not thread-safe. */
class PlainResize {
  public:
    /* `supported()` is false if GStreamer cannot convert between the two. */
    PlainResize(const GstVideoInfo& in, const GstVideoInfo& out);

    bool supported() const { return converter_ != nullptr; }
    void run(const GstVideoFrame* in, GstVideoFrame* out) const;

  private:
    struct Free {
        void operator()(GstVideoConverter* converter) const { gst_video_converter_free(converter); }
    };
    std::unique_ptr<GstVideoConverter, Free> converter_;
};

/* `onto` becomes `share` of itself and the rest of `from`; both are of one format and size. */
void blend_frames(const GstVideoFrame* from, double share, GstVideoFrame* onto);

/* True if the planes of `buffer` do not lie where `info` puts them, so that a reader needs the
 * buffer's GstVideoMeta. */
bool needs_video_meta(GstBuffer* buffer, const GstVideoInfo& info);

}  // namespace flashvsr
