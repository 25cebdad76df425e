#include "pipelines/upscale/batch.h"

#include <gst/gst.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "pipelines/upscale/paths.h"
#include "pipelines/upscale/settings.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/video.h"

namespace upscale {

namespace {

/// An element that does nothing but hold the model, so that each pipeline finds it loaded.
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

Outcome run_one(const Options& options, const std::string& input) {
    try {
        const VideoResult result = upscale_video(options, input);
        const std::string frames = std::to_string(result.frames) + " frames";
        if (result.interrupted) return {input, "interrupted, " + frames, ExitCode::kInterrupted};
        if (options.dry_run) return {input, "not done", ExitCode::kDone};
        const std::string how = result.losses.empty() ? "done, " : "done with losses, ";
        return {input, how + frames, code_of(result)};
    } catch (const Failure& failure) {
        std::fprintf(stderr, "flashvsr-upscale: %s\n", failure.what());
        return {input, std::string("failed: ") + failure.what(), failure.code()};
    }
}

void print_summary(const std::vector<Outcome>& outcomes, size_t failed, size_t inputs) {
    std::fprintf(stderr, "\n");
    for (const Outcome& outcome : outcomes) {
        std::fprintf(stderr, "%-30s %s\n", base_name(outcome.input).c_str(), outcome.words.c_str());
    }
    std::fprintf(stderr, "%zu of %zu done, %zu failed\n", outcomes.size() - failed, inputs, failed);
}

ExitCode run_batch(const Options& options) {
    std::vector<Outcome> outcomes;
    size_t failed = 0;
    bool losses = false;
    for (const std::string& input : options.inputs) {
        outcomes.push_back(run_one(options, input));
        const ExitCode code = outcomes.back().code;
        losses = losses || code == ExitCode::kLosses;
        if (code != ExitCode::kDone && code != ExitCode::kLosses) ++failed;
        if (code == ExitCode::kInterrupted) break;
    }
    if (!options.quiet) print_summary(outcomes, failed, options.inputs.size());
    if (outcomes.back().code == ExitCode::kInterrupted) return ExitCode::kInterrupted;
    if (failed) return ExitCode::kPartly;
    return losses ? ExitCode::kLosses : ExitCode::kDone;
}

}  // namespace

ExitCode run_all(Options options) {
    const bool folder = options.inputs.size() == 1 && is_folder(options.inputs.front());
    options.inputs = expand_inputs(options.inputs);
    const bool videos = folder && !is_folder(options.inputs.front());
    const bool batch = options.inputs.size() > 1 || videos;
    if (batch && (options.output == "-" || is_pattern(options.output) ||
                  (!is_folder(options.output) && !ending_of(options.output).empty()))) {
        throw Failure(ExitCode::kUsage, "several inputs need a folder for the results: -o FOLDER/");
    }
    if (batch && options.output.back() != '/') options.output += '/';
    const bool many_jobs = batch || options.resume || options.preview > 1;
    std::unique_ptr<LoadedModel> model;
    if (many_jobs && !options.dry_run) model = std::make_unique<LoadedModel>(options);
    if (batch) return run_batch(options);
    return code_of(upscale_video(options, options.inputs.front()));
}

}  // namespace upscale
