#ifndef FLASHVSR_PIPELINES_UPSCALE_PARTS_H_
#define FLASHVSR_PIPELINES_UPSCALE_PARTS_H_

#include <string>
#include <vector>

#include "pipelines/upscale/job.h"
#include "pipelines/upscale/mux.h"
#include "pipelines/upscale/output.h"

namespace upscale {

/// A video in parts that a crash leaves, for --resume. A part is a span of the video's time, and
/// its frames depend on the input and the settings alone: each begins with a warm-up on the frames
/// before it. So the result is the same however often the work was broken off.
class Parts {
  public:
    /// The arguments outlive it. Throws Failure (kOutput) where parts of other settings lie.
    Parts(const Options& options, const Source& source, const Media& media, const Output& output);

    /// Makes the parts that are missing, then one file of all. Removes them when that is complete.
    JobResult run(Progress* progress, Report* report);
    /// After the result has its name.
    void remove() const;

  private:
    struct Part {
        guint64 frames;
        bool last;
    };

    void read_journal();
    void write_journal() const;
    std::string path(size_t index) const;
    Window window(size_t index) const;
    bool complete() const { return !done_.empty() && done_.back().last; }
    guint64 frames() const;
    void make_part(Progress* progress, Report* report);
    void join(Mux* mux) const;

    const Options& options_;
    const Source& source_;
    const Media& media_;
    const Output& output_;
    const std::string folder_;
    const std::string settings_;  // all that the frames depend on
    std::vector<Part> done_;
    GstClockTime origin_ = 0;
};

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_PARTS_H_
