#ifndef FLASHVSR_PIPELINES_UPSCALE_JOB_H_
#define FLASHVSR_PIPELINES_UPSCALE_JOB_H_

#include <gst/gst.h>

#include <atomic>
#include <string>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/options.h"
#include "pipelines/upscale/output.h"
#include "pipelines/upscale/progress.h"

namespace upscale {

/// The pipeline for one file:
///
///     filesrc ! parsebin ! multiqueue ! decodebin ! flashvsrupscale ! encoder ! muxer ! filesink
///                    audio ! multiqueue ----------------------------------^
///
/// Everything is called from the main thread.
class Job {
  public:
    /// Builds it. Throws Failure: kUsage for a bad setting, kMissing for an element that is not
    /// installed. `output` outlives the job.
    Job(const Options& options, const Output& output);
    ~Job();
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    /// Runs it to the end: every frame of the input (kDone), or those that came before SIGINT or
    /// SIGTERM (kInterrupted). Throws Failure where the file is not complete, and at a second
    /// signal.
    ExitCode run(Progress* progress);

    double scale() const;
    guint64 frames_out() const { return frames_out_; }

  private:
    void watch_frames();
    void link_track(GstPad* pad);
    void link_video(GstPad* pad);
    void link_audio(GstPad* pad, GstCaps* caps);
    GstPad* through_queue(GstPad* pad);
    void note(const std::string& text);

    void interrupt();
    bool handle(GstMessage* message);
    guint64 device_memory() const;
    void check_complete() const;

    static void on_pad_added(GstElement*, GstPad* pad, gpointer self);
    static void on_no_more_pads(GstElement*, gpointer self);
    static GstPadProbeReturn on_input_frame(GstPad* pad, GstPadProbeInfo* info, gpointer self);
    static GstPadProbeReturn on_output_frame(GstPad*, GstPadProbeInfo*, gpointer self);
    static GstPadProbeReturn on_sound(GstPad* pad, GstPadProbeInfo* info, gpointer self);
    static gboolean on_signal(gpointer self);
    static gboolean on_second(gpointer self);
    static gboolean on_message(GstBus*, GstMessage* message, gpointer self);

    const bool keep_audio_;
    const std::string ending_;
    GstElement* pipeline_ = nullptr;
    GstElement* upscaler_ = nullptr;  // the pipeline's, as the next three
    GstElement* tracks_ = nullptr;
    GstElement* waiting_ = nullptr;
    GstElement* muxer_ = nullptr;  // null: a file without sound
    GMainLoop* loop_ = nullptr;
    Progress* progress_ = nullptr;

    // Streaming threads write these.
    bool has_video_ = false;
    int audio_track_ = 0;
    std::atomic<guint64> frames_in_{0}, frames_out_{0};
    std::atomic<bool> interrupted_{false};
    std::atomic<guint64> end_time_{0};  // running time of the end of the newest frame that went in

    bool ended_ = false;  // EOS has reached the file
    std::string error_;
};

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_JOB_H_
