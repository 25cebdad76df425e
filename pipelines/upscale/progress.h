#ifndef FLASHVSR_PIPELINES_UPSCALE_PROGRESS_H_
#define FLASHVSR_PIPELINES_UPSCALE_PROGRESS_H_

#include <glib.h>

#include <string>

#include "pipelines/upscale/options.h"

namespace upscale {

/// Tells how far the work is: a line that is written over on a terminal, JSON lines with --json,
/// nothing otherwise. Lives on the main thread.
class Progress {
  public:
    /// total: frames expected; 0: not known.
    Progress(const Options& options, guint64 total);

    /// Call it about once a second. memory: of the device, in bytes; 0: not known.
    void show(guint64 frames, guint64 memory);
    /// A line of its own on the standard error, not lost in the progress line.
    void say(const std::string& text);
    /// state: "done", "interrupted" or "failed".
    void end(const char* state, guint64 frames, const std::string& output);

  private:
    double fps(guint64 frames);
    void print_json(const char* state, guint64 frames, guint64 memory, const std::string& output);
    void clear_line();

    guint64 total_;
    bool json_, line_, quiet_;
    bool line_shown_ = false;
    gint64 first_time_ = 0;  // when first_frames_ were done: the model's load does not count
    guint64 first_frames_ = 0;
};

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_PROGRESS_H_
