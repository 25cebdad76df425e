// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace upscale {

// Where the frames come from. Owns what had to be fetched for that.
class Source {
  public:
    enum class Kind {
        kFile,    // a video
        kImages,  // one after the other
        kPipe,    // y4m on the standard input or a FIFO, read as it comes
    };

    // text: a file, a folder of images, a pattern as in "%04d.png", a URL, or "-" for the standard
    // input. Looks at names alone. Throws Failure (kInput) for what is not there.
    explicit Source(const std::string& text);
    ~Source();
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    // Comes before anything is read. A URL, and any container but y4m from a pipe, is read to its
    // end into a temporary file without a name. Throws Failure (kInput).
    void load();

    // What the standard input or a FIFO is, is known after load(); before it is kFile.
    Kind kind() const { return kind_; }
    // Whether there is one picture in it and nothing else, as libavformat reads it: a GIF of one
    // frame, an icon. Not known of pipes and addresses.
    bool is_one_picture() const;
    // What the user called it.
    const std::string& name() const { return name_; }
    bool is_standard_input() const { return text_ == "-"; }
    // The file, or the first image; of a URL and the standard input after load().
    const std::string& path() const { return path_; }
    const std::vector<std::string>& images() const { return images_; }
    // A pipe's descriptor, and what was already read from it.
    int pipe() const { return pipe_; }
    const std::string& head() const { return head_; }

  private:
    void use_images(const std::vector<std::string>& files);
    void read_pipe();
    void fetch(const std::string& url);
    void make_spool();
    void append(const char* data, size_t size) const;

    Kind kind_ = Kind::kFile;
    const std::string text_;
    std::string name_, path_, head_;
    std::vector<std::string> images_;
    mutable std::optional<bool> one_picture_;  // once somebody has asked
    int spool_ = -1;
    int pipe_ = -1;  // the standard input, or one that is closed with this
};

// The inputs that the user means: himself, or each video of a folder that holds videos.
std::vector<std::string> expand_inputs(const std::vector<std::string>& texts);

// The same with --stills: himself, or each picture of a folder or pattern. left_out: gets the
// files of folders whose ending is not a picture's.
std::vector<std::string> expand_stills(const std::vector<std::string>& texts,
                                       std::vector<std::string>* left_out);

}  // namespace upscale
