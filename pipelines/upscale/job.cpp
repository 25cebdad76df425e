// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/job.h"

#include <algorithm>
#include <utility>

#include "pipelines/cli/launch.h"
#include "pipelines/upscale/launch_line.h"
#include "pipelines/upscale/settings.h"
#include "pipelines/upscale/signals.h"

namespace upscale {

namespace {

using pipelines::named;
using pipelines::text_of;

}  // namespace

Job::Job(const Options& options, const Source& source, const Media& media, JobPlan plan,
         Writer* writer)
    : options_(options),
      source_(source),
      media_(media),
      plan_(std::move(plan)),
      writer_(writer),
      loop_(g_main_loop_new(nullptr, FALSE)) {
    try {
        build();
    } catch (const Failure&) {
        if (pipeline_) gst_object_unref(pipeline_);
        g_main_loop_unref(loop_);
        throw;
    }
    watch_frames();
}

Job::~Job() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    feed_.reset();  // the state let it go
    gst_object_unref(pipeline_);
    g_main_loop_unref(loop_);
}

void Job::build() {
    pipeline_ = pipelines::launch(
        launch_line(options_, media_, scale_of(options_.settings), plan_.raw_caps));
    upscaler_ = named(pipeline_, "upscaler");
    apply_settings(upscaler_, options_.settings);
}

void Job::watch_frames() {
    GstPad* upscaled = gst_element_get_static_pad(named(pipeline_, "sink"), "sink");
    gst_pad_add_probe(upscaled, GST_PAD_PROBE_TYPE_BUFFER, on_upscaled_frame, this, nullptr);
    gst_object_unref(upscaled);
    GstAppSinkCallbacks callbacks{};
    callbacks.eos = on_end;
    callbacks.new_sample = on_sample;
    gst_app_sink_set_callbacks(GST_APP_SINK(named(pipeline_, "sink")), &callbacks, this, nullptr);
}

void Job::start_feed() {
    FeedPlan feed;
    feed.read = media_.read;
    feed.read.begin =
        static_cast<int64_t>(plan_.window.start - std::min(plan_.window.start, plan_.lead_in));
    feed.window = plan_.window;
    feed.icc = media_.icc;
    feed.lead_in = plan_.lead_in;
    feed.run_out = plan_.run_out;
    feed.most_frames = plan_.most_frames;
    feed_ = std::make_unique<Feed>(named(pipeline_, "source"), source_, feed, report_,
                                   [this](const Failure& failure) { fail(failure); });
}

JobResult Job::run(Progress* progress, Report* report) {
    progress_ = progress;
    report_ = report;
    run_loop();
    check_complete();
    writer_->finish(written_end());
    return {interrupted_, abandoned_, !feed_->is_cut(), frames_out_};
}

void Job::run_loop() {
    GstBus* bus = gst_element_get_bus(pipeline_);
    gst_bus_add_watch(bus, on_message, this);
    const guint every_second = g_timeout_add_seconds(1, on_second, this);
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    start_feed();
    const Interruption interruption([this] { interrupt(); });  // which stops the feed
    g_main_loop_run(loop_);
    if (!abandoned_) gst_element_set_state(pipeline_, GST_STATE_NULL);
    g_source_remove(every_second);
    if (patience_) g_source_remove(patience_);
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
}

void Job::check_complete() {
    const std::lock_guard<std::mutex> lock(failure_mutex_);
    report_->check();
    if (failure_) throw Failure(*failure_);
    if (!error_.empty()) throw Failure(ExitCode::kFailed, source_.name() + ": " + error_);
    if (!ended_ || (interrupted_ && frames_out_ == 0)) {
        throw Failure(ExitCode::kInterrupted, "interrupted, nothing written");
    }
    // In a comparison the compositor makes frames at a rate of its own.
    if (options_.compare.empty() && !abandoned_ && feed_->frames_wanted() != frames_out_) {
        throw Failure(ExitCode::kFailed, std::to_string(feed_->frames_wanted()) +
                                             " frames went in, " + std::to_string(frames_out_) +
                                             " came out");
    }
}

// Where the video was cut; NONE: the input's end.
GstClockTime Job::written_end() const {
    if (interrupted_) return upscaled_end_;
    return feed_->is_cut() ? plan_.window.end : GST_CLOCK_TIME_NONE;
}

// ---- Frames, on streaming threads ------------------------------------------------------------

GstPadProbeReturn Job::on_upscaled_frame(GstPad*, GstPadProbeInfo* info, gpointer self) {
    const GstBuffer* frame = GST_PAD_PROBE_INFO_BUFFER(info);
    auto* job = static_cast<Job*>(self);
    const Window& window = job->plan_.window;
    const GstClockTime time = GST_BUFFER_PTS(frame);
    if (time < window.start || time >= window.end) return GST_PAD_PROBE_DROP;
    const bool has_duration = GST_BUFFER_DURATION_IS_VALID(frame);
    job->upscaled_end_ = time + (has_duration ? GST_BUFFER_DURATION(frame) : 0);
    return GST_PAD_PROBE_OK;
}

GstFlowReturn Job::on_sample(GstAppSink* sink, gpointer self) {
    auto* job = static_cast<Job*>(self);
    GstSample* sample = gst_app_sink_pull_sample(sink);
    if (!sample) return GST_FLOW_EOS;
    GstFlowReturn flow = GST_FLOW_OK;
    try {
        job->writer_->write(sample);
        ++job->frames_out_;
    } catch (const Failure& failure) {
        job->fail(failure);
        flow = GST_FLOW_ERROR;
    }
    gst_sample_unref(sample);
    return flow;
}

// Comes before the message that ends the loop: until then a signal is answered.
void Job::on_end(GstAppSink*, gpointer self) {
    auto* job = static_cast<Job*>(self);
    try {
        job->writer_->drain();
    } catch (const Failure& failure) {
        job->fail(failure);
    }
}

void Job::fail(const Failure& failure) {
    {
        const std::lock_guard<std::mutex> lock(failure_mutex_);
        if (!failure_) failure_ = failure;
    }
    gst_element_post_message(
        pipeline_,
        gst_message_new_application(GST_OBJECT(pipeline_), gst_structure_new_empty("failure")));
}

// ---- Main thread -----------------------------------------------------------------------------

// What has been upscaled by now is all there will be: the encoder ends with that, whatever chunk
// is being computed.
gboolean Job::on_patience_over(gpointer self) {
    auto* job = static_cast<Job*>(self);
    job->abandoned_ = true;
    GstPad* upscaled = gst_element_get_static_pad(named(job->pipeline_, "sink"), "sink");
    gst_pad_send_event(upscaled, gst_event_new_eos());
    gst_object_unref(upscaled);
    return G_SOURCE_CONTINUE;
}

void Job::interrupt() {
    constexpr guint kPatience = 2;  // seconds
    if (!interrupted_) patience_ = g_timeout_add_seconds(kPatience, on_patience_over, this);
    if (interrupted_ || feed_->frames() == 0) {
        g_main_loop_quit(loop_);
    } else {
        progress_->say("interrupted; finishing the file (once more to give it up)");
    }
    interrupted_ = true;
    feed_->stop();
}

gboolean Job::on_second(gpointer self) {
    auto* job = static_cast<Job*>(self);
    job->progress_->show(job->frames_out_, job->device_memory());
    if (job->plan_.on_frames) job->plan_.on_frames(job->frames_out_);
    if (job->report_->refused()) g_main_loop_quit(job->loop_);
    return G_SOURCE_CONTINUE;
}

guint64 Job::device_memory() const {
    GstStructure* stats = nullptr;
    g_object_get(upscaler_, "stats", &stats, nullptr);
    guint64 memory = 0;
    if (stats) {
        gst_structure_get_uint64(stats, "device-memory", &memory);
        gst_structure_free(stats);
    }
    return memory;
}

gboolean Job::on_message(GstBus*, GstMessage* message, gpointer self) {
    auto* job = static_cast<Job*>(self);
    if (job->handle(message)) g_main_loop_quit(job->loop_);
    return G_SOURCE_CONTINUE;
}

// True: the run is over.
bool Job::handle(GstMessage* message) {
    switch (GST_MESSAGE_TYPE(message)) {
        case GST_MESSAGE_EOS: ended_ = true; return true;
        case GST_MESSAGE_APPLICATION: return true;  // a failure
        case GST_MESSAGE_ERROR: error_ = text_of(message); return true;
        case GST_MESSAGE_INFO:
        case GST_MESSAGE_WARNING: progress_->say(text_of(message)); return false;
        default: return false;
    }
}

JobResult run_job(const Options& options, const Source& source, const Media& media,
                  const JobPlan& plan, Writer* writer, Progress* progress, Report* report) {
    auto job = std::make_unique<Job>(options, source, media, plan, writer);
    const JobResult result = job->run(progress, report);
    if (result.abandoned) job.release();  // NOLINT: its threads go on until the process ends
    return result;
}

}  // namespace upscale
