// SPDX-License-Identifier: Apache-2.0
// Finds where one scene ends and another begins.
#pragma once

#include <gst/video/video.h>

#include <array>

namespace flashvsr {

// Compares the brightness of coarse cells from frame to frame: a cut changes most of them at once,
// and far more than the motion before it did. Not thread-safe.
class SceneCut {
  public:
    // What it looks at of a frame: the first `bytes` of every `step`th row of a plane.
    struct Rows {
        guint plane;
        int step;
        int count;
        int bytes;
    };
    static Rows rows_of(const GstVideoInfo& info);

    // True if a frame begins a scene other than that of the frame before it. `rows` are those of
    // rows_of(), `stride` bytes from one to the next.
    bool begins_at(const GstVideoInfo& info, const guint8* rows, gssize stride);
    // The next frame has none before it.
    void restart();

  private:
    static constexpr int kColumns = 16;
    static constexpr int kRows = 12;
    using Cells = std::array<float, size_t{kColumns} * kRows>;  // means, in 8-bit steps

    static Cells cells_of(const GstVideoInfo& info, const guint8* rows, gssize stride);

    Cells previous_ = {};
    int frames_ = 0;      // of this scene
    double usual_ = 0.0;  // difference of two frames within the scene, recent ones first
};

}  // namespace flashvsr
