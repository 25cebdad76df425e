#include "pipelines/upscale/video.h"

#include <cstdio>
#include <memory>

#include "pipelines/upscale/format.h"
#include "pipelines/upscale/launch_line.h"
#include "pipelines/upscale/media.h"
#include "pipelines/upscale/output.h"
#include "pipelines/upscale/parts.h"
#include "pipelines/upscale/progress.h"
#include "pipelines/upscale/report.h"
#include "pipelines/upscale/settings.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/trial.h"

namespace upscale {

namespace {

double scale_of(const Options& options) {
    GstElement* element = make_upscaler(options.settings);
    gdouble scale = 0;
    g_object_get(element, "scale", &scale, nullptr);
    gst_object_unref(element);
    return scale;
}

void describe(const Options& options, const Source& source, const Media& media,
              const Output& output) {
    std::printf("input:  %s: %s\n", source.name().c_str(), media.describe().c_str());
    if (media.width == 0) {
        std::printf("output: %s in %s\n", output.codec().c_str(), output.ending());
        return;
    }
    const double scale = scale_of(options);
    std::printf("output: %s: %dx%d, %s in %s\n", output.path().c_str(), scaled(media.width, scale),
                scaled(media.height, scale), output.codec().c_str(), output.ending());
    std::fflush(stdout);
    std::printf("%s\n", try_out(options, media).c_str());
}

JobResult run_whole(const Options& options, const Source& source, const Media& media,
                    const Output& output, Progress* progress, Report* report) {
    const std::unique_ptr<Writer> writer = output.make_writer(report);
    JobPlan plan;
    plan.window = options.window;
    plan.encoder = encoder_line(options, output.codec());
    return Job(options, source, media, plan, writer.get()).run(progress, report);
}

/// The first chunk at each of the places, of which the first frame is kept.
JobResult run_previews(const Options& options, const Source& source, const Media& media,
                       const Output& output, Progress* progress, Report* report) {
    constexpr guint64 kFirstChunk = 25;
    const GstClockTime end = std::min(options.window.end, media.duration);
    const GstClockTime span =
        GST_CLOCK_TIME_IS_VALID(end) && end > options.window.start ? end - options.window.start : 0;
    JobResult all;
    for (int i = 0; i < options.preview; ++i) {
        const std::unique_ptr<Writer> writer = output.make_preview_writer(i);
        JobPlan plan;
        plan.window = {options.window.start + span * i / options.preview, options.window.end};
        plan.most_frames = kFirstChunk;
        plan.encoder = encoder_line(options, output.codec());
        const JobResult one = Job(options, source, media, plan, writer.get()).run(progress, report);
        if (one.frames == 0) break;
        ++all.frames;
        all.interrupted = one.interrupted;
        if (one.interrupted) break;
    }
    return all;
}

}  // namespace

VideoResult upscale_video(const Options& options, const std::string& input) {
    Source source(input);
    Output output(options, source);
    source.load();
    const Media media = read_media(source, options.fps > 0 ? options.fps : 30);
    if (options.fps > 0 && source.kind() != Source::Kind::kImages) {
        throw Failure(ExitCode::kUsage, "--fps is for images; a video keeps its times");
    }
    if (options.dry_run) {
        describe(options, source, media, output);
        return {};
    }
    const guint64 total =
        options.preview ? options.preview
        : options.window.start == 0 && !GST_CLOCK_TIME_IS_VALID(options.window.end)
            ? media.frames
            : media.frames_between(options.window.start, options.window.end);
    Progress progress(options, source.name(), total);
    Report report([&progress](const std::string& text) { progress.warn(text); }, options.strict);
    std::unique_ptr<Parts> parts;
    if (options.resume) parts = std::make_unique<Parts>(options, source, media, output);
    JobResult result;
    try {
        result = parts ? parts->run(&progress, &report)
                 : options.preview
                     ? run_previews(options, source, media, output, &progress, &report)
                     : run_whole(options, source, media, output, &progress, &report);
        if (result.frames == 0) {
            throw Failure(ExitCode::kInput, source.name() + " has no frame there");
        }
        report.check();
        output.finish();
    } catch (const Failure& failure) {
        progress.end(failure.code() == ExitCode::kInterrupted ? "interrupted" : "failed", 0, {},
                     report);
        throw;
    }
    if (parts) parts->remove();
    progress.set_done_before(0);
    progress.end(result.interrupted ? "interrupted" : "done", result.frames, output.path(), report);
    return {result.interrupted, result.frames, report.losses()};
}

}  // namespace upscale
