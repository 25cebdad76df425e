// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <memory>

#include "pipelines/live/source.h"
#include "pipelines/live/statistics.h"
#include "pipelines/rtsp/options.h"
#include "pipelines/rtsp/outlet.h"

namespace rtsp {

// The pipeline that runs from the start of the program to its end, whoever watches and whether the
// source is there or not:
//
//     source -> appsrc ! videoconvert ! flashvsrupscale ! appsink -> pictures
//     source -> appsrc !            queue               ! appsink -> sound
//
// So the model is loaded once, its memory of the past frames is warm when a client comes, and all
// clients watch the same frames. The appsinks let every buffer out at its time stamp plus the
// latency of the pipeline, which is that of its slowest branch: the frames of a chunk, which leave
// the upscaler together, get evenly spaced here, and the sound waits for its picture.
//
// All calls from the main thread, whose main context has to run.
class Live {
  public:
    // Throws Failure, for the options' sake or because an element is missing.
    Live(const Options& options, pipelines::Source::Say say);
    ~Live();
    Live(const Live&) = delete;
    Live& operator=(const Live&) = delete;

    // Begins to load the model, which may take a minute. The pipeline's bus tells of the end: a
    // PROGRESS message that says COMPLETE, or an error.
    void load();
    // Starts the source: one that is live would have to wait for the model if it started earlier.
    void play();

    // To be asked until it says yes: there are pictures (and sound, if the source has any), and
    // the engine is warm. The first chunk pays for what happens only once, and would set the
    // latency for good: it is thrown away.
    bool ready();

    // They may outlive this, and give nothing then.
    const std::shared_ptr<Outlet>& pictures() { return pictures_; }
    const std::shared_ptr<Outlet>& sound() { return sound_; }  // null: left out
    const pipelines::Source& source() const { return *source_; }
    pipelines::Figures figures() { return statistics_->read(); }
    GstElement* pipeline() const { return pipeline_; }

  private:
    void flush();

    GstElement* pipeline_;
    bool warm_ = false;
    gint64 first_picture_ = 0;  // monotonic, microseconds
    std::unique_ptr<pipelines::Statistics> statistics_;
    std::shared_ptr<Outlet> pictures_, sound_;
    std::unique_ptr<pipelines::Source> source_;
};

}  // namespace rtsp
