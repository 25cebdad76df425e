#ifndef FLASHVSR_PIPELINES_UPSCALE_OUTPUT_H_
#define FLASHVSR_PIPELINES_UPSCALE_OUTPUT_H_

#include <memory>
#include <string>
#include <vector>

#include "pipelines/upscale/format.h"
#include "pipelines/upscale/options.h"
#include "pipelines/upscale/report.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/writer.h"

namespace upscale {

class Mux;
struct MuxOptions;

/// Where the result goes, and in what form: from the ending of its name and the options. Everything
/// is written under another name and gets its own when it is complete.
class Output {
  public:
    /// Writes nothing yet. Throws Failure: kUsage for an ending or codec that is not known or for
    /// two that do not go together, kOutput for a file that exists (without --overwrite) or is the
    /// input, or a folder that cannot be written.
    Output(const Options& options, const Source& source);
    /// Removes what is not complete.
    ~Output();
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    /// For the whole result. report: hears what is left out; outlives the writer.
    std::unique_ptr<Writer> make_writer(Report* report) const;
    /// For one frame of several previews.
    std::unique_ptr<Writer> make_preview_writer(int number) const;
    /// For a part of the video alone, in a form that keeps every time.
    std::unique_ptr<Writer> make_part_writer(const std::string& path, Report* report) const;
    /// For the whole of such parts; is_container() holds.
    std::unique_ptr<Mux> make_joiner(Report* report) const;

    /// Has what is complete take its final name. Throws Failure (kOutput).
    void finish();

    /// As the user sees it.
    const std::string& path() const { return path_; }
    /// Folder beside the result for the parts of --resume.
    std::string parts_folder() const;
    bool is_container() const { return format_->muxer != nullptr && path_ != "-"; }
    const std::string& codec() const { return codec_; }
    const char* ending() const { return format_->ending; }

  private:
    void choose_name(const Options& options);
    void name_images(const Options& options);
    void check_place() const;
    MuxOptions mux_options(const std::string& path, const char* muxer) const;
    std::string temporary_image(const std::string& final_name) const;

    const Options& options_;
    const Source& source_;
    std::string path_, temporary_, codec_;
    const Format* format_ = nullptr;
    std::vector<std::string> images_;  // final names; a single one may be a pattern
};

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_OUTPUT_H_
