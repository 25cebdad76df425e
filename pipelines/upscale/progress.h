// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <glib.h>

#include <mutex>
#include <string>

#include "pipelines/upscale/options.h"
#include "pipelines/upscale/report.h"

namespace upscale {

// Tells how far the work is: a line that is written over on a terminal, JSON lines with --json,
// nothing otherwise. Lives on the main
// thread.
class Progress {
  public:
    // name: of the input.
    Progress(const Options& options, std::string name);

    // Frames expected; 0: not known.
    void set_total(guint64 total) { total_ = total; }

    // Frames that were done before those that show() counts.
    void set_done_before(guint64 frames) { done_before_ = frames; }

    // Call it about once a second. memory: of the device, in bytes; 0: not known.
    void show(guint64 frames, guint64 memory);
    // A line of its own on the standard error, not lost in the progress line. From any thread.
    void say(const std::string& text);
    // The same of something that goes wrong: it is said with --quiet as well.
    void warn(const std::string& text);
    // state: "done", "skipped", "interrupted" or "failed".
    void end(const char* state, guint64 frames, const std::string& output, const Report& report);

  private:
    double fps(guint64 frames);
    void print_line(guint64 frames, guint64 memory);
    void print_json(const char* state, guint64 frames, guint64 memory, const std::string& more);
    void clear_line();

    std::string name_;
    guint64 total_ = 0;
    guint64 done_before_ = 0;
    bool json_, line_, quiet_;
    std::mutex line_mutex_;
    bool line_shown_ = false;
    gint64 first_time_ = 0;  // when first_frames_ were done: the model's load does not count
    guint64 first_frames_ = 0;
};

}  // namespace upscale
