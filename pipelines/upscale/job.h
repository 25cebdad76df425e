// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/feed.h"
#include "pipelines/upscale/media.h"
#include "pipelines/upscale/options.h"
#include "pipelines/upscale/progress.h"
#include "pipelines/upscale/report.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/window.h"
#include "pipelines/upscale/writer.h"

namespace upscale {

// What a job does of a video.
struct JobPlan {
    Window window;             // the frames that are written
    GstClockTime lead_in = 0;  // before them: computed, so that the model is warm, not written
    guint64 run_out = 0;       // frames after them, computed for their sake, not written
    guint64 most_frames = 0;   // that go in; 0: all of the window
    std::string raw_caps;      // what the writer gets
    std::function<void(guint64)> on_frames;  // hears each second how many are written; may be empty
};

struct JobResult {
    bool interrupted = false;
    bool abandoned = false;    // a chunk is still being computed; the process has to end soon
    bool input_ended = false;  // there is nothing after the window
    guint64 frames = 0;        // written
};

// The pipeline for a video or a part of it:
//
//     Feed -> appsrc ! flashvsrupscale ! appsink -> Writer
//
// Only the video's frames pass through it; the times of its buffers are those of the input's time
// line. Everything is called from the main thread.
class Job {
  public:
    // Builds it. Throws Failure: kUsage for a bad setting, kMissing for an element that is not
    // installed. The arguments outlive the job.
    Job(const Options& options, const Source& source, const Media& media, JobPlan plan,
        Writer* writer);
    ~Job();
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    // Runs it to the end: every frame of the window, or after a signal those that
    // are in the works and come within two seconds. Then finishes the writer. report: hears of
    // losses, from any thread. Throws Failure where the result is not complete or the report
    // refuses it, and at a second signal.
    JobResult run(Progress* progress, Report* report);

  private:
    void build();
    void watch_frames();
    void start_feed();
    void fail(const Failure& failure);

    void interrupt();
    bool handle(GstMessage* message);
    guint64 device_memory() const;
    void run_loop();
    void check_complete();
    GstClockTime written_end() const;

    static GstPadProbeReturn on_upscaled_frame(GstPad* pad, GstPadProbeInfo* info, gpointer self);
    static GstFlowReturn on_sample(GstAppSink* sink, gpointer self);
    static void on_end(GstAppSink*, gpointer self);
    static gboolean on_second(gpointer self);
    static gboolean on_patience_over(gpointer self);
    static gboolean on_message(GstBus*, GstMessage* message, gpointer self);

    const Options& options_;
    const Source& source_;
    const Media& media_;
    const JobPlan plan_;
    Writer* writer_;
    std::unique_ptr<Feed> feed_;
    GstElement* pipeline_ = nullptr;
    GstElement* upscaler_ = nullptr;  // the pipeline's
    GMainLoop* loop_ = nullptr;
    Progress* progress_ = nullptr;
    Report* report_ = nullptr;

    bool interrupted_ = false;
    bool abandoned_ = false;
    guint patience_ = 0;  // the timer of an interruption
    // Streaming threads write these.
    std::atomic<guint64> frames_out_{0};
    std::atomic<guint64> upscaled_end_{0};  // of the newest frame that went to the encoder
    std::mutex failure_mutex_;
    std::optional<Failure> failure_;

    bool ended_ = false;  // EOS has reached the writer
    std::string error_;
};

// Makes a job and runs it. One that is abandoned is never taken down: that would wait for its
// chunk.
JobResult run_job(const Options& options, const Source& source, const Media& media,
                  const JobPlan& plan, Writer* writer, Progress* progress, Report* report);

}  // namespace upscale
