// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/batch.h"

#include <gst/gst.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "pipelines/cli/redact.h"
#include "pipelines/upscale/destination.h"
#include "pipelines/upscale/paths.h"
#include "pipelines/upscale/plan_report.h"
#include "pipelines/upscale/progress.h"
#include "pipelines/upscale/report.h"
#include "pipelines/upscale/settings.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/text.h"
#include "pipelines/upscale/video.h"

namespace upscale {

namespace {

// An element that does nothing but hold the model, so that each pipeline finds it loaded.
class LoadedModel {
  public:
    explicit LoadedModel(const Options& options) : element_(make_upscaler(options.settings)) {
        gst_element_set_state(element_, GST_STATE_PAUSED);
    }
    ~LoadedModel() {
        gst_element_set_state(element_, GST_STATE_NULL);
        gst_object_unref(element_);
    }
    LoadedModel(const LoadedModel&) = delete;
    LoadedModel& operator=(const LoadedModel&) = delete;

  private:
    GstElement* element_;
};

struct Outcome {
    std::string input, words;
    ExitCode code;
};

ExitCode code_of(const VideoResult& result) {
    if (result.interrupted) return ExitCode::kInterrupted;
    return result.losses.empty() ? ExitCode::kDone : ExitCode::kLosses;
}

// Says a failure that does not end the program.
Outcome failed(const std::string& input, const Failure& failure) {
    std::fprintf(stderr, "flashvsr-upscale: %s\n", printable(failure.what()).c_str());
    return {input, std::string("failed: ") + failure.what(), failure.code()};
}

// One of which nothing is computed.
void end_progress(const Options& options, const Task& task, const char* state) {
    const Report none([](const std::string&) {}, false);
    Progress(options, task.input).end(state, 0, task.destination.name, none);
}

Outcome run_one(const Options& options, Task* task) {
    const std::string& input = task->input;
    if (!task->source) {
        end_progress(options, *task, "failed");
        if (options.plan) print_no_plan("failed", input, {}, task->failure->what());
        return failed(input, *task->failure);
    }
    if (task->destination.before == Destination::Before::kResult) {
        end_progress(options, *task, "skipped");
        if (options.plan) print_no_plan("done", input, task->destination.name, {});
        return {input, task->destination.name + " was there", ExitCode::kDone};
    }
    try {
        const VideoResult result = upscale_video(options, task);
        task->source.reset();  // what had to be fetched for it
        const std::string frames = std::to_string(result.frames) + " frames";
        if (result.interrupted) return {input, "interrupted, " + frames, ExitCode::kInterrupted};
        if (options.plan) return {input, "planned, " + frames, ExitCode::kDone};
        if (options.dry_run) return {input, "not done", ExitCode::kDone};
        const std::string how = result.losses.empty() ? "done, " : "done with losses, ";
        return {input, how + frames, code_of(result)};
    } catch (const Failure& failure) {
        task->source.reset();
        if (options.plan) print_no_plan("failed", input, task->destination.name, failure.what());
        return failed(input, failure);
    }
}

void print_summary(const std::vector<Outcome>& outcomes, size_t failed, size_t inputs) {
    std::fprintf(stderr, "\n");
    for (const Outcome& outcome : outcomes) {
        std::fprintf(stderr, "%-30s %s\n", printable(base_name(outcome.input)).c_str(),
                     printable(outcome.words).c_str());
    }
    std::fprintf(stderr, "%zu of %zu done, %zu failed\n", outcomes.size() - failed, inputs, failed);
}

ExitCode run_batch(const Options& options, std::vector<Task>* tasks) {
    std::vector<Outcome> outcomes;
    size_t failed = 0;
    bool losses = false;
    for (Task& task : *tasks) {
        outcomes.push_back(run_one(options, &task));
        const ExitCode code = outcomes.back().code;
        losses = losses || code == ExitCode::kLosses;
        if (code != ExitCode::kDone && code != ExitCode::kLosses) ++failed;
        if (code == ExitCode::kInterrupted) break;
    }
    if (!options.quiet) print_summary(outcomes, failed, tasks->size());
    if (outcomes.back().code == ExitCode::kInterrupted) return ExitCode::kInterrupted;
    if (failed) return ExitCode::kPartly;
    return losses ? ExitCode::kLosses : ExitCode::kDone;
}

// many: one that cannot be read does not keep the others from it.
std::vector<Task> look_at_inputs(const std::vector<std::string>& inputs, bool many) {
    std::vector<Task> tasks;
    for (const std::string& input : inputs) {
        Task task;
        task.input = is_address(input) ? pipelines::redacted_url(input) : input;
        try {
            task.source = std::make_unique<Source>(input);
        } catch (const Failure& failure) {
            if (!many) throw;
            task.failure = failure;
        }
        tasks.push_back(std::move(task));
    }
    return tasks;
}

std::vector<std::string> stills_of(const Options& options) {
    std::vector<std::string> others;
    std::vector<std::string> stills = expand_stills(options.inputs, &others);
    if (!others.empty() && !options.quiet) {
        const std::string first = printable(base_name(others.front()));
        std::fprintf(
            stderr, "flashvsr-upscale: no pictures by their names, left out: %s%s\n", first.c_str(),
            others.size() == 1 ? ""
                               : (" and " + std::to_string(others.size() - 1) + " more").c_str());
    }
    return stills;
}

// Whether results of several inputs can go there.
bool can_be_folder(const std::string& output) {
    if (exists(output) || output.back() == '/') return !exists(output) || is_folder(output);
    return output != "-" && !is_pattern(output) && ending_of(output).empty();
}

}  // namespace

ExitCode run_all(Options options) {
    const bool folder = options.inputs.size() == 1 && is_folder(options.inputs.front());
    options.inputs = options.stills ? stills_of(options) : expand_inputs(options.inputs);
    const bool many = options.inputs.size() > 1 || (folder && !is_folder(options.inputs.front()));
    if (many && !can_be_folder(options.output)) {
        throw Failure(ExitCode::kUsage, "several inputs need a folder for the results: -o FOLDER/");
    }
    if (many && (options.only_part >= 0 || options.join)) {
        throw Failure(ExitCode::kUsage, "--only-part and --join take one input");
    }
    if (many && options.output.back() != '/') options.output += '/';
    std::vector<Task> tasks = look_at_inputs(options.inputs, many);
    decide_destinations(options, many, &tasks);
    const bool many_jobs = many || options.resume || options.preview > 1;
    const bool one_job = options.only_part >= 0;
    const bool no_job = options.dry_run || options.plan || options.join;
    std::unique_ptr<LoadedModel> model;
    if (many_jobs && !one_job && !no_job) model = std::make_unique<LoadedModel>(options);
    if (many) return run_batch(options, &tasks);
    return code_of(upscale_video(options, &tasks.front()));
}

}  // namespace upscale
