// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "pipelines/upscale/job.h"
#include "pipelines/upscale/journal.h"
#include "pipelines/upscale/lock.h"
#include "pipelines/upscale/mux.h"
#include "pipelines/upscale/output.h"

namespace upscale {

// A video in parts that a crash leaves, for --resume. A part is a span of the video's time, and
// its frames depend on the input and the settings alone: each begins with a warm-up on the frames
// before it. So the result is the same however often the work was broken off.
//
// A part is on the disk before the journal names it, and is compared with what the journal says
// when the work goes on: one that is damaged or missing is made again.
class Parts {
  public:
    // The arguments outlive it. Throws Failure: kUsage for an output that is no container, kOutput
    // where another process is at work on the parts or parts of other settings lie there.
    Parts(const Options& options, const Source& source, const Media& media, Output* output);

    // Makes the parts that are missing, then one file of all.
    JobResult run(Progress* progress, Report* report);
    // After the result has its name.
    void remove() const;

  private:
    void read_journal();
    void write_journal() const;
    std::string path(size_t index) const;
    Window window(size_t index) const;
    guint64 frames() const;
    void check_parts(Progress* progress);
    void make_part(size_t index, Progress* progress, Report* report);
    void join(Mux* mux);
    void join_part(size_t index, Mux* mux);

    const Options& options_;
    const Source& source_;
    const Media& media_;
    Output* output_;
    const Place place_;
    const std::string folder_;
    const FolderLock lock_;
    Journal journal_;
};

}  // namespace upscale
