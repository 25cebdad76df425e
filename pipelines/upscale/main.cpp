// flashvsr-upscale: a video file in, the same video larger out, its sound untouched.
#include <gst/gst.h>

#include <clocale>
#include <cstdio>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/job.h"
#include "pipelines/upscale/media.h"
#include "pipelines/upscale/options.h"
#include "pipelines/upscale/output.h"
#include "pipelines/upscale/progress.h"

namespace upscale {

namespace {

void describe(const Options& options, const Media& media, const Output& output, const Job& job) {
    std::printf("input:  %s: %s\n", options.input.c_str(), media.describe().c_str());
    const int width = static_cast<int>(media.width * job.scale() + 0.5);
    const int height = static_cast<int>(media.height * job.scale() + 0.5);
    std::printf("output: %s: %dx%d, %s in %s\n", output.path().c_str(), width, height,
                output.codec().c_str(), output.ending().c_str());
}

ExitCode run(int argc, char** argv) {
    const Options options = parse_options(argc, argv);
    gst_init(nullptr, nullptr);
    Output output(options);
    Job job(options, output);
    const Media media = read_media(options.input);
    if (options.dry_run) {
        describe(options, media, output, job);
        return ExitCode::kDone;
    }
    Progress progress(options, media.frames());
    const ExitCode code = job.run(&progress);
    output.finish();
    progress.end(code == ExitCode::kDone ? "done" : "interrupted", job.frames_out(), output.path());
    return code;
}

}  // namespace

}  // namespace upscale

int main(int argc, char** argv) {
    std::setlocale(LC_ALL, "");
    std::setlocale(LC_NUMERIC, "C");  // JSON has points
    try {
        return static_cast<int>(upscale::run(argc, argv));
    } catch (const upscale::Failure& failure) {
        std::fprintf(stderr, "flashvsr-upscale: %s\n", failure.what());
        return static_cast<int>(failure.code());
    }
}
