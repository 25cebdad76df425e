#ifndef FLASHVSR_PIPELINES_UPSCALE_OUTPUT_H_
#define FLASHVSR_PIPELINES_UPSCALE_OUTPUT_H_

#include <string>

#include "pipelines/upscale/options.h"

namespace upscale {

/// Where the result goes, and in what form: from the ending of its name and the options.
class Output {
  public:
    /// Writes nothing yet. Throws Failure: kUsage for an ending or codec that is not known or for
    /// two that do not go together, kOutput for a file that exists (without --overwrite) or is the
    /// input, or a folder that cannot be written.
    explicit Output(const Options& options);
    /// Removes the temporary file, if there is one still.
    ~Output();
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    /// Has the complete file take its final name. Throws Failure (kOutput).
    void finish();

    const std::string& path() const { return path_; }
    /// Beside `path()`, hidden, and of this process: only a complete file gets the final name.
    const std::string& temporary() const { return temporary_; }
    /// "raw formats ! encoder named encoder ! parser", as gst_parse_launch reads it.
    const std::string& encoder() const { return encoder_; }
    /// Name of the muxer's element; null: the encoder's output is the file, which holds no sound.
    const char* muxer() const { return muxer_; }
    const std::string& codec() const { return codec_; }
    const std::string& ending() const { return ending_; }

  private:
    void choose_codec(const Options& options);
    void choose_file(const Options& options);

    std::string path_, temporary_, ending_, codec_, encoder_;
    const char* muxer_ = nullptr;
};

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_OUTPUT_H_
