#ifndef FLASHVSR_PIPELINES_UPSCALE_TRACKS_H_
#define FLASHVSR_PIPELINES_UPSCALE_TRACKS_H_

#include <string>
#include <vector>

#include "pipelines/upscale/libav.h"
#include "pipelines/upscale/report.h"

namespace upscale {

/// All that a file holds beside the video's frames, on its way into another file, copied packet for
/// packet: sound, subtitles, attachments, chapters, tags, and the video's description (rotation,
/// colour, pixel aspect, time code).
class Tracks {
  public:
    /// Throws Failure (kInput). name: how the user calls the file.
    Tracks(const std::string& path, const std::string& name, bool with_sound);

    const AVStream* video() const { return video_; }
    /// Time of the video's first frame, nanoseconds.
    int64_t video_start() const { return video_start_; }

    /// What a copy of the whole file calls 0: mostly its own 0, but transport streams begin
    /// anywhere. File time, nanoseconds.
    int64_t natural_zero() const { return natural_zero_; }

    /// What is kept, in nanoseconds of file time.
    struct Span {
        int64_t zero = 0;           ///< becomes 0 in the output
        int64_t start = INT64_MIN;  ///< the first time that is copied
        int64_t end = INT64_MAX;
    };
    /// Puts the tracks that `output` can hold into it, after the video's, and reports which it
    /// cannot.
    void declare(AVFormatContext* output, const Span& span, Report* report);
    /// Writes the packets that are due before `time` (file time, nanoseconds).
    void copy_until(AVFormatContext* output, int64_t time);
    /// Nothing from there on is copied.
    void set_end(int64_t time) { span_.end = time; }

  private:
    void add_track(AVFormatContext* output, AVStream* stream, Report* report);
    void copy_chapters(AVFormatContext* output);
    bool wanted(const AVPacket* packet) const;
    int64_t time_of(const AVPacket* packet, int64_t ticks) const;
    bool fetch();
    void send(AVFormatContext* output);

    InputFile file_;
    AVStream* video_;
    int64_t video_start_ = 0;  // libavformat's own value moves while it reads
    int64_t natural_zero_ = 0;
    bool with_sound_;
    Span span_;
    std::vector<int> target_;  // stream in the output by stream in the input; -1: none
    Packet waiting_;
    bool has_waiting_ = false;
};

/// What players must know about the video and its encoder does not say.
void describe_video(const AVStream* from, AVStream* to);

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_TRACKS_H_
