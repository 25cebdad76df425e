// SPDX-License-Identifier: Apache-2.0
// flashvsr-upscale: a video in, the same video larger out, all else in it untouched.
#include <gst/gst.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "pipelines/cli/command_line.h"
#include "pipelines/upscale/batch.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav_complaints.h"
#include "pipelines/upscale/models.h"
#include "pipelines/upscale/options.h"
#include "pipelines/upscale/signals.h"
#include "pipelines/upscale/text.h"

namespace upscale {

namespace {

// GLib ends a process that cannot have a descriptor more.
void require_descriptors() {
    constexpr rlim_t kMin = 64;
    struct rlimit limit {};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kMin) return;
    limit.rlim_cur = std::min(kMin, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < kMin) {
        throw Failure(ExitCode::kFailed,
                      "no more than " + std::to_string(limit.rlim_cur) +
                          " files may be open, and 64 are needed: see ulimit -n");
    }
}

ExitCode run(int argc, char** argv) {
    require_descriptors();
    gst_init(nullptr, nullptr);
    const Options options = parse_options(argc, argv);
    if (!options.convert.empty()) convert_model(options);
    if (options.list_models) {
        list_models();
        pipelines::check_said();
        return ExitCode::kDone;
    }
    catch_signals();
    listen_to_libav();
    std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of writing,
    std::signal(SIGXFSZ, SIG_IGN);  // and so is a file that may not be that large
    const ExitCode code = run_all(options);
    if (options.dry_run) pipelines::check_said();
    return code;
}

// The threads of an interrupted job may still be at work: nothing is taken from under them.
int finish(ExitCode code) {
    std::fflush(nullptr);
    if (code == ExitCode::kInterrupted) _exit(static_cast<int>(code));
    return static_cast<int>(code);
}

}  // namespace

}  // namespace upscale

int main(int argc, char** argv) {
    std::setlocale(LC_ALL, "");
    std::setlocale(LC_NUMERIC, "C");  // JSON has points
    try {
        return upscale::finish(upscale::run(argc, argv));
    } catch (const upscale::Failure& failure) {
        std::fprintf(stderr, "flashvsr-upscale: %s\n", upscale::printable(failure.what()).c_str());
        return upscale::finish(failure.code());
    } catch (const std::exception& exception) {  // no memory, or no thread, to be had
        std::fprintf(stderr, "flashvsr-upscale: %s\n",
                     upscale::printable(exception.what()).c_str());
    }
    return upscale::finish(upscale::ExitCode::kFailed);
}
