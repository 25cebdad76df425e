// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "pipelines/live/source_pipeline.h"

namespace pipelines {

// Plays a source at its own pace into a pipeline that runs all the time.
//
// Each attempt is a pipeline of its own. When it fails, ends, or stands still, it is thrown away
// and another one is made after 0.5, 1, 2 ... 30 s; the running pipeline sees a gap in the time
// stamps and nothing else. A file begins again at once.
//
// All calls, and `say`, are in the thread of the default main context, which also brings the
// source back: it has to run.
class Source {
  public:
    using Say = std::function<void(const std::string& line)>;

    // `video` gets raw frames; `sound` (may be null) gets sound as the source has coded it where
    // RTP has a payload for that, else coded as Opus. Both are elements of the running pipeline;
    // the source configures them. `say` gets a line for a person when the source comes and goes.
    // Throws Failure: kInput for a file or camera that is not there, kUsage for bad caps.
    Source(const SourceOptions& options, GstAppSrc* video, GstAppSrc* sound, Say say);
    ~Source();
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    // The first attempt. The running pipeline has to be playing.
    void start();

    bool up() const { return up_; }
    int losses() const { return losses_; }
    // Frames that were lost because the running pipeline had no room: an upscaler that upstream
    // has to wait for.
    guint64 skipped() const { return skipped_ + (attempt_ ? attempt_->skipped() : 0); }

  private:
    void stop();
    void lose(const std::string& why, bool at_once = false);
    void check_pulse();
    void handle(GstMessage* message);

    static gboolean on_message(GstBus*, GstMessage* message, gpointer self);
    static gboolean on_pulse(gpointer self);
    static gboolean on_retry(gpointer self);

    const SourceOptions options_;
    GstAppSrc* const video_;
    GstAppSrc* const sound_;
    const Say say_;

    std::unique_ptr<SourcePipeline> attempt_;
    guint pulse_ = 0, retry_ = 0;  // ids in the main context
    int failures_ = 0;             // attempts in a row without a frame
    int losses_ = 0;
    guint64 skipped_ = 0;  // of attempts that are over
    bool up_ = false;
    bool said_ = false;  // a file that begins again is no news
};

}  // namespace pipelines
