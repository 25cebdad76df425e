// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/app/gstappsrc.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/report.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/video_reader.h"
#include "pipelines/upscale/window.h"

namespace upscale {

// Which frames go into the pipeline.
struct FeedPlan {
    ReadPlan read;
    Window window;
    std::string icc;           // profile that all frames are taken to have
    GstClockTime lead_in = 0;  // before the window, for the model to warm up on
    guint64 run_out = 0;       // frames after the window, for those that look ahead
    guint64 most_frames = 0;   // 0: all
};

// Reads an input and hands its frames to an appsrc, on a thread of its own. Their times are those
// of the input's time line.
class Feed {
  public:
    using OnFailure = std::function<void(const Failure&)>;

    // on_failure: called from the thread. The appsrc and the report outlive it.
    Feed(GstElement* appsrc, const Source& source, const FeedPlan& plan, Report* report,
         OnFailure on_failure);
    // Does not wait for an input that does not let go.
    ~Feed();
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;

    // No more frames go in; the stream ends with those that are.
    void stop();

    // Frames that went in, and those of them that lie in the window.
    guint64 frames() const;
    guint64 frames_wanted() const;
    // The frames ended because the window did: the input may hold more.
    bool is_cut() const;

  private:
    struct Work;
    std::shared_ptr<Work> work_;  // the thread's as well
    std::thread thread_;
};

}  // namespace upscale
