// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipelines/upscale/demuxer.h"
#include "pipelines/upscale/libav.h"
#include "pipelines/upscale/packet_writer.h"
#include "pipelines/upscale/report.h"
#include "pipelines/upscale/sample_times.h"

namespace upscale {

// All that a file holds beside the video's frames, on its way into another file, copied packet for
// packet: sound, subtitles, attachments, chapters, tags, and the video's description (rotation,
// colour, pixel aspect, time code).
class Tracks {
  public:
    // path: a file. name: how the user calls it. Throws Failure (kInput).
    Tracks(const std::string& path, const std::string& name, bool with_sound);

    const AVStream* video() const { return input_.video(); }

    // What is kept, in nanoseconds on the input's time line.
    struct Span {
        int64_t zero = 0;           // becomes 0 in the output
        int64_t start = INT64_MIN;  // the first time that is copied
        int64_t end = INT64_MAX;
        bool double_rate = false;  // two frames are written for each of the video's
    };
    // Puts the tracks that `output` can hold into it, after the video's, and reports which it
    // cannot.
    void declare(AVFormatContext* output, const Span& span, Report* report);
    // Writes the packets that are due before `time`, nanoseconds on the time line.
    void copy_until(PacketWriter* output, int64_t time);
    // After the last packet: reports those that could not be copied.
    void report_losses(const PacketWriter& output) const;
    // Nothing from there on is copied.
    void set_end(int64_t time) { span_.end = time; }

  private:
    // What becomes of a track of the input.
    struct Target {
        AVCodecID codec = AV_CODEC_ID_NONE;  // when it was declared
        int stream = -1;                     // in the output; -1: it is not copied
        int64_t last_dts = INT64_MIN;        // in the output's time base
        std::optional<SampleTimes> times;    // of sound
        bool unknown = false;                // nothing is known of its sound but the codec
    };

    void add_track(AVFormatContext* output, AVStream* stream, Report* report);
    void copy_chapters(AVFormatContext* output);
    bool has_place(const AVPacket* packet);
    bool is_wanted(const AVPacket* packet) const;
    bool belongs_to_cover(const AVPacket* packet) const;
    bool fetch();
    void send(PacketWriter* output);
    bool set_times(AVPacket* packet, const AVFormatContext* output, Target* target) const;

    Demuxer input_;
    bool with_sound_;
    Span span_;
    bool has_edit_lists_ = false;  // the output
    Report* report_ = nullptr;
    std::vector<Target> targets_;  // by stream in the input
    Packet waiting_;
    bool has_waiting_ = false;
};

// What players must know about the video and its encoder does not say.
// keep_rotation: the frames are not turned.
void describe_video(const AVStream* from, AVStream* to, bool keep_rotation);

}  // namespace upscale
