// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "pipelines/upscale/destination.h"
#include "pipelines/upscale/options.h"
#include "pipelines/upscale/plan.h"
#include "pipelines/upscale/report.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/unfinished.h"
#include "pipelines/upscale/writer.h"

namespace upscale {

class Mux;
struct MuxOptions;

// Writes what a destination is to hold. A file is written under a hidden name and gets its own
// when it is complete; a stream is written through.
class Output {
  public:
    // Writes nothing yet. The arguments outlive it.
    Output(const Options& options, const Source& source, const Destination& destination,
           const VideoPlan& plan);
    // Removes what is not complete.
    ~Output();
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    // One of these begins it; the writer lives no longer than the output. report: hears what is
    // left out; outlives the writer. They throw Failure (kOutput).
    // For the whole result.
    std::unique_ptr<Writer> make_writer(Report* report);
    // For one frame of several previews, from 0.
    std::unique_ptr<Writer> make_preview_writer(int number, Report* report);
    // For the whole of such parts as make_part_writer() writes; is_container() holds.
    std::unique_ptr<Mux> make_joiner(Report* report);

    // For a part of the video alone, in a form that keeps every time.
    std::unique_ptr<Writer> make_part_writer(const std::string& path, Report* report) const;

    // Has what is complete take its final name. Throws Failure (kOutput).
    void finish();

    const Destination& destination() const { return destination_; }
    const VideoPlan& plan() const { return plan_; }
    // A file that is not a stream and holds more than pictures.
    bool is_container() const;
    // That of the file, once it is begun.
    const std::string& unfinished_path() const { return unfinished_->path(); }

  private:
    void begin();
    MuxOptions mux_options() const;
    MuxOptions whole_file() const;
    std::unique_ptr<Writer> make_picture_writer(size_t first, size_t most, Report* report);
    std::string picture_name(size_t number) const;
    void finish_pictures();

    const Options& options_;
    const Source& source_;
    const Destination& destination_;
    const VideoPlan& plan_;
    std::unique_ptr<Unfinished> unfinished_;
    int stream_ = -1;
};

}  // namespace upscale
