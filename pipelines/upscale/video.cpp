// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/video.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "pipelines/upscale/launch_line.h"
#include "pipelines/upscale/media.h"
#include "pipelines/upscale/output.h"
#include "pipelines/upscale/parts.h"
#include "pipelines/upscale/plan.h"
#include "pipelines/upscale/plan_report.h"
#include "pipelines/upscale/progress.h"
#include "pipelines/upscale/report.h"
#include "pipelines/upscale/room.h"
#include "pipelines/upscale/settings.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/text.h"
#include "pipelines/upscale/trial.h"

namespace upscale {

namespace {

Deinterlace deinterlace_of(const std::string& text) {
    return text == "off"     ? Deinterlace::kOff
           : text == "frame" ? Deinterlace::kFrame
           : text == "field" ? Deinterlace::kField
                             : Deinterlace::kAuto;
}

ReadPlan read_plan(const Options& options, const Destination& destination) {
    ReadPlan plan;
    const double fps = options.fps > 0 ? options.fps : 30;
    gst_util_double_to_fraction(fps, &plan.image_rate.num, &plan.image_rate.den);
    plan.deinterlace = deinterlace_of(options.deinterlace);
    plan.upright = !keeps_rotation(options, destination);
    plan.often = options.resume;
    plan.alpha = true;
    plan.one_size = !destination.is_pictures();
    return plan;
}

Media look_at(const Options& options, const Source& source, const Destination& destination) {
    if (options.fps > 0 && source.kind() != Source::Kind::kImages) {
        throw Failure(ExitCode::kUsage, "--fps is for images; a video keeps its times");
    }
    return read_media(source, read_plan(options, destination));
}

guint64 frames_expected(const Options& options, const Media& media) {
    if (options.preview) return options.preview;
    const bool whole = options.window.start == 0 && !GST_CLOCK_TIME_IS_VALID(options.window.end);
    return whole ? media.frames : media.frames_between(options.window.start, options.window.end);
}

// In all frames of the result; 0: not known.
guint64 pixels_expected(const Options& options, const Media& media, double scale) {
    return static_cast<guint64>(scaled(media.width, scale)) * scaled(media.height, scale) *
           frames_expected(options, media);
}

void describe(const Options& options, const Source& source, const Media& media,
              const Destination& destination, const VideoPlan& plan, double scale) {
    const char* ending = destination.format->ending;
    std::printf("input:  %s: %s\n", printable(source.name()).c_str(), media.describe().c_str());
    if (media.width == 0) {
        std::printf("output: %s in %s\n", destination.codec.c_str(), ending);
        return;
    }
    std::printf("output: %s: %dx%d, %s in %s\n", printable(destination.name).c_str(),
                scaled(media.width, scale), scaled(media.height, scale), destination.codec.c_str(),
                ending);
    for (const std::string& note : plan.notes) {
        std::printf("note:   %s\n", printable(note).c_str());
    }
    std::fflush(stdout);
    std::printf("%s\n", try_out(options, media).text.c_str());
}

JobResult run_whole(const Options& options, const Source& source, const Media& media,
                    Output* output, Progress* progress, Report* report) {
    const std::unique_ptr<Writer> writer = output->make_writer(report);
    JobPlan plan;
    plan.window = options.window;
    plan.raw_caps = output->plan().raw_caps;
    return run_job(options, source, media, plan, writer.get(), progress, report);
}

// The first chunk at each of the places, of which the first frame is kept.
JobResult run_previews(const Options& options, const Source& source, const Media& media,
                       Output* output, Progress* progress, Report* report) {
    constexpr guint64 kFirstChunk = 25;
    const GstClockTime end = std::min(options.window.end, media.duration);
    const GstClockTime span =
        GST_CLOCK_TIME_IS_VALID(end) && end > options.window.start ? end - options.window.start : 0;
    JobResult all;
    for (int i = 0; i < options.preview; ++i) {
        const std::unique_ptr<Writer> writer = output->make_preview_writer(i, report);
        JobPlan plan;
        plan.window = {options.window.start + span * i / options.preview, options.window.end};
        plan.most_frames = kFirstChunk;
        plan.raw_caps = output->plan().raw_caps;
        const JobResult one = run_job(options, source, media, plan, writer.get(), progress, report);
        if (one.frames == 0) break;
        ++all.frames;
        all.interrupted = one.interrupted;
        if (one.interrupted) break;
    }
    return all;
}

// The plan, and what of it is there. Returns how many frames it has.
guint64 show_plan(const Options& options, const Source& source, const Media& media,
                  const Destination& destination, const VideoPlan& plan, double scale) {
    PlanReport report;
    report.input = source.name();
    report.output = destination.name;
    report.width = scaled(media.width, scale);
    report.height = scaled(media.height, scale);
    if (options.dry_run) {
        report.parts = plan_parts(options, source, media);
        report.made.resize(report.parts.size());
        report.trial = try_out(options, media);
    } else {
        Output output(options, source, destination, plan);
        const Parts parts(options, source, media, &output);
        report.folder = parts.folder();
        report.parts = parts.plan();
        for (size_t index = 0; index < report.parts.size(); ++index) {
            report.made.push_back(parts.seems_made(index));
        }
    }
    print_plan(report);
    guint64 frames = 0;
    for (const PartSpan& part : report.parts) frames += part.frames;
    return frames;
}

JobResult run_parts(const Options& options, Parts* parts, Progress* progress, Report* report) {
    if (options.only_part >= 0) return parts->run_one(options.only_part, progress, report);
    return options.join ? parts->run_join(progress, report) : parts->run(progress, report);
}

// From the first frame to the final name.
JobResult make_result(const Options& options, const Source& source, const Media& media,
                      const Destination& destination, const VideoPlan& plan, Progress* progress,
                      Report* report) {
    Output output(options, source, destination, plan);
    std::unique_ptr<Parts> parts;
    if (options.resume && !options.stills)
        parts = std::make_unique<Parts>(options, source, media, &output);
    const JobResult result = parts ? run_parts(options, parts.get(), progress, report)
                             : options.preview
                                 ? run_previews(options, source, media, &output, progress, report)
                                 : run_whole(options, source, media, &output, progress, report);
    const bool one_part = options.only_part >= 0;
    if (result.frames == 0 && !one_part) {
        throw Failure(ExitCode::kInput, source.name() + " has no frame there");
    }
    report->check();
    if (one_part) return result;
    output.finish();
    if (parts) parts->remove();
    return result;
}

}  // namespace

VideoResult upscale_video(const Options& options, Task* task) {
    Progress progress(options, task->source->name());
    const Say warn = [&progress](const std::string& text) { progress.warn(text); };
    Report report(warn, options.strict);
    JobResult result;
    try {
        Source& source = *task->source;
        source.load();
        const Media media = look_at(options, source, task->destination);
        const double scale = scale_of(options.settings);
        const VideoPlan plan = plan_video(options, task->destination.codec, media, scale);
        progress.set_total(frames_expected(options, media));
        check_room(task->destination, plan.format, pixels_expected(options, media, scale),
                   options.resume, warn);
        if (options.plan) {
            return {false, show_plan(options, source, media, task->destination, plan, scale), {}};
        }
        if (options.dry_run) {
            describe(options, source, media, task->destination, plan, scale);
            return {};
        }
        for (const std::string& note : plan.notes) progress.say(note);
        result = make_result(options, source, media, task->destination, plan, &progress, &report);
    } catch (const Failure& failure) {
        const bool interrupted = failure.code() == ExitCode::kInterrupted;
        progress.end(interrupted ? "interrupted" : "failed", 0, {}, report);
        throw;
    }
    progress.set_done_before(0);
    progress.end(result.interrupted ? "interrupted" : "done", result.frames, task->destination.name,
                 report);
    return {result.interrupted, result.frames, report.losses()};
}

}  // namespace upscale
