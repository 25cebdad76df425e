#ifndef FLASHVSR_PIPELINES_UPSCALE_MEDIA_H_
#define FLASHVSR_PIPELINES_UPSCALE_MEDIA_H_

#include <gst/gst.h>

#include <string>

namespace upscale {

/// What a file says about itself.
struct Media {
    int width = 0;
    int height = 0;
    int fps_n = 0;  ///< 0: no fixed rate
    int fps_d = 1;
    GstClockTime duration = GST_CLOCK_TIME_NONE;
    bool interlaced = false;
    int audio_tracks = 0;

    /// By duration and rate; 0 where it is not known.
    guint64 frames() const;
    std::string describe() const;
};

/// Reads the beginning of the file. Throws Failure (kInput) where it cannot be read or has no
/// progressive video.
Media read_media(const std::string& path);

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_MEDIA_H_
