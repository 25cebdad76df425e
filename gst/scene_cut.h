/* Finds where one scene ends and another begins. */
#pragma once

#include <gst/video/video.h>

#include <array>

namespace flashvsr {

/* Compares the brightness of coarse cells from frame to frame: a cut changes most of them at once,
 * and far more than the motion before it did. Not thread-safe. */
class SceneCut {
  public:
    /* True if `frame` begins a scene other than that of the frame before it. */
    bool begins_at(const GstVideoFrame* frame);
    /* The next frame has none before it. */
    void restart();

  private:
    static constexpr int kColumns = 16;
    static constexpr int kRows = 12;
    using Cells = std::array<float, size_t{kColumns} * kRows>; /* means, in 8-bit steps */

    static Cells cells_of(const GstVideoFrame* frame);

    Cells previous_ = {};
    int frames_ = 0;     /* of this scene */
    double usual_ = 0.0; /* difference of two frames within the scene, recent ones first */
};

}  // namespace flashvsr
