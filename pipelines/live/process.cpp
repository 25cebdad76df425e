// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/process.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <string>

#include "pipelines/cli/exit_code.h"
#include "pipelines/live/limits.h"

namespace pipelines {

void share_memory() {
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, limits::kMemoryPools);
#endif
}

void outlive_readers() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

void allow_descriptors(size_t viewers, size_t of_viewer) {
    rlimit limit = {};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const rlim_t wanted =
        limits::kDescriptorsOfServer + limits::kWaiting + (viewers + 1) * of_viewer;
    if (limit.rlim_max < wanted) {
        throw Failure(ExitCode::kUsage, "--max-viewers " + std::to_string(viewers) + " needs " +
                                            std::to_string(wanted) + " file descriptors, and " +
                                            std::to_string(limit.rlim_max) +
                                            " are allowed (ulimit -Hn)");
    }
    if (limit.rlim_cur < limits::kDescriptors) {
        limit.rlim_cur = std::min(limit.rlim_max, limits::kDescriptors);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

}  // namespace pipelines
