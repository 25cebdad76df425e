// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/upscale/claim.h"
#include "pipelines/upscale/job.h"
#include "pipelines/upscale/journal.h"
#include "pipelines/upscale/lock.h"
#include "pipelines/upscale/mux.h"
#include "pipelines/upscale/output.h"

namespace upscale {

// A video in parts, which a crash leaves, and which may be made on several machines that share the
// folder of the parts. A part's frames depend on the input, the settings and the plan alone. So
// the result is the same however often the work was broken off and whoever made which part.
//
// A part is on the disk before its record names it, and is compared with what the record says
// before it is used: one that is damaged or missing is made again.
class Parts {
  public:
    // The arguments outlive it. Reads the plan, or makes it where options do not ask for one part
    // or the join alone. Throws Failure: kUsage for an output that is no container, kOutput where
    // another process of this machine is at work on the whole, parts of other settings lie there,
    // or there is no plan.
    Parts(const Options& options, const Source& source, const Media& media, Output* output);

    const std::string& folder() const { return folder_; }
    const std::vector<PartSpan>& plan() const { return journal_.parts; }
    // Whether the part is there, by its record and its file's size.
    bool seems_made(size_t index) const;

    // Makes the parts that are missing, then one file of all.
    JobResult run(Progress* progress, Report* report);
    // Makes a part where it is missing. Throws Failure (kUsage) where there is no such part.
    JobResult run_one(size_t index, Progress* progress, Report* report);
    // One file of all. Throws Failure (kFailed) where parts are missing or damaged, and takes the
    // damaged ones for missing from now on.
    JobResult run_join(Progress* progress, Report* report);

    // After the result has its name.
    void remove() const;

  private:
    void read_journal();
    void remove_others() const;
    std::string record_path(size_t index) const;
    std::string path(const PartRecord& record) const;
    std::optional<PartRecord> read_record(size_t index) const;
    bool is_whole(const PartRecord& record) const;
    void check(size_t index, Progress* progress, Report* report);
    void remove_unnamed(size_t index) const;
    guint64 frames() const;
    void make(size_t index, Progress* progress, Report* report);
    JobResult join(Report* report);
    void join_part(size_t index, Mux* mux);

    const Options& options_;
    const Source& source_;
    const Media& media_;
    Output* output_;
    const Place place_;
    const std::string folder_;
    std::optional<FolderLock> lock_;  // of who works on the whole
    Journal journal_;
    std::vector<std::optional<PartRecord>> records_;  // of parts that are there
};

}  // namespace upscale
