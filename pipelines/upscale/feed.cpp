// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/feed.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "pipelines/upscale/icc.h"
#include "pipelines/upscale/libav_versions.h"
#include "pipelines/upscale/picture.h"

namespace upscale {

// What the thread works on; it lives as long as the thread does.
struct Feed::Work {
    Work(GstElement* element, const Source& source_, const FeedPlan& plan_, Report* report_,
         OnFailure on_failure_)
        : appsrc(GST_APP_SRC(gst_object_ref(element))),
          source(source_),
          plan(plan_),
          report(report_),
          on_failure(std::move(on_failure_)),
          converter(element_formats(), plan_.read.alpha) {}
    ~Work() { gst_object_unref(appsrc); }

    void run();
    void read();
    bool take(const AVFrame* frame, AVRational rate);
    bool push(const AVFrame* frame, AVRational rate);

    GstAppSrc* appsrc;
    const Source& source;  // used until the reader is made
    const FeedPlan plan;
    Report* report;
    OnFailure on_failure;
    PictureConverter converter;
    Stop stop{false};
    std::atomic<guint64> frames{0}, wanted{0};
    std::atomic<bool> cut{false};
    std::mutex mutex;
    std::condition_variable changed;
    guint64 run_out = 0;         // frames after the window
    bool alpha_is_lost = false;  // said once, looked for no more
    bool done = false;
};

void Feed::Work::run() {
    try {
        read();
    } catch (const Failure& failure) {
        if (!stop) on_failure(failure);
    }
    if (!stop) gst_app_src_end_of_stream(appsrc);
    const std::lock_guard<std::mutex> lock(mutex);
    done = true;
    changed.notify_all();
}

void Feed::Work::read() {
    VideoReader reader(source, plan.read, &stop, report);
    while (const Frame frame = reader.next()) {
        if (!take(frame.get(), reader.rate())) break;
    }
    if (!stop) reader.report_losses();
}

// False: no more are wanted.
bool Feed::Work::take(const AVFrame* frame, AVRational rate) {
    const auto time = static_cast<GstClockTime>(frame->pts);
    if (time + plan.lead_in < plan.window.start) return true;
    const bool after = time >= plan.window.end;
    if (after) cut = true;
    if (after && run_out++ == plan.run_out) return false;
    if (plan.most_frames && frames >= plan.most_frames) {
        cut = true;
        return false;
    }
    return push(frame, rate);
}

bool Feed::Work::push(const AVFrame* frame, AVRational rate) {
    if (converter.prepare(frame, rate, plan.read.one_size)) {
        gst_app_src_set_caps(appsrc, converter.caps());
    }
    if (!alpha_is_lost && converter.loses_alpha(frame)) {
        alpha_is_lost = true;
        report->loss("alpha", "the video's transparency is left out");
    }
    if (plan.read.one_size && converter.changes_light(frame)) {
        report->loss("colour",
                     "the transfer function or the primaries change within the video; those of its "
                     "beginning are written for all of it");
    }
    if (icc_profile_of(frame) != plan.icc) {
        report->loss("icc", "pictures have another ICC profile than the first, which is kept");
    }
    const int64_t duration = duration_of(frame);
    GstBuffer* buffer = converter.convert(frame);
    GST_BUFFER_PTS(buffer) = frame->pts;
    GST_BUFFER_DURATION(buffer) =
        duration > 0 ? duration : gst_util_uint64_scale(GST_SECOND, rate.den, rate.num);
    const GstClockTime start = GST_BUFFER_PTS(buffer);
    if (gst_app_src_push_buffer(appsrc, buffer) != GST_FLOW_OK) return false;
    ++frames;
    if (start >= plan.window.start && start < plan.window.end) ++wanted;
    return true;
}

Feed::Feed(GstElement* appsrc, const Source& source, const FeedPlan& plan, Report* report,
           OnFailure on_failure)
    : work_(std::make_shared<Work>(appsrc, source, plan, report, std::move(on_failure))) {
    thread_ = std::thread([work = work_] { work->run(); });
}

Feed::~Feed() {
    constexpr auto kPatience = std::chrono::seconds(2);
    work_->stop = true;
    std::unique_lock<std::mutex> lock(work_->mutex);
    const bool done = work_->changed.wait_for(lock, kPatience, [this] { return work_->done; });
    lock.unlock();
    if (done) {
        thread_.join();
    } else {
        thread_.detach();
    }
}

void Feed::stop() {
    work_->stop = true;
    gst_app_src_end_of_stream(work_->appsrc);
}

guint64 Feed::frames() const { return work_->frames; }
guint64 Feed::frames_wanted() const { return work_->wanted; }
bool Feed::is_cut() const { return work_->cut; }

}  // namespace upscale
