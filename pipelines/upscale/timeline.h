// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "pipelines/upscale/libav.h"

namespace upscale {

// The one place that decides what time it is in an input: nanoseconds from its origin, the same
// for the video and for every other track, however often the input is read.
//
// The origin is the file's own 0; where a container has none (transport and program streams, which
// begin anywhere) it is the first time stamp of all tracks. Where streams were joined, or a
// counter started anew, the times of all tracks go on from where the video was: such a piece has a
// shift of its own. Packets are looked at in the order of the file.
class Timeline {
  public:
    // After the streams were found. Both outlive it.
    Timeline(const AVFormatContext* file, const AVStream* video);

    // Whether the packet, its times in its stream's time base, belongs to a piece that has not
    // begun yet.
    bool is_new_piece(const AVPacket* packet) const;
    // Begins it. `ahead`: this packet and those after it, the more the better; the piece goes on
    // where its first packet of video says, else where this packet does.
    void begin_piece(const std::deque<Packet>& ahead);
    // Whether `ahead` holds the piece's first packet of video.
    bool knows_piece(const std::deque<Packet>& ahead) const;

    // Moves the packet's times from its stream's time base to the line.
    void place(AVPacket* packet);

    // The reading goes on somewhere else.
    void forget_position();

    // The container's time that is 0 on the line, in nanoseconds.
    int64_t origin() const { return origin_; }

    // No piece but the first has been seen.
    bool is_whole() const { return shifts_.size() == 1; }

  private:
    struct Track {
        bool seen = false;
        int64_t dts = 0;      // of its last packet, on the line; so are the others
        int64_t end_dts = 0;  // where its last packet ended
        int64_t end_pts = 0;  // where the last of its packets to be shown ended
        size_t piece = 0;
    };
    struct Times {
        int64_t pts, dts, duration;  // nanoseconds, without shift
    };

    const AVStream* stream_of(const AVPacket* packet) const;
    bool is_continuous(const AVPacket* packet) const;
    bool times_of(const AVPacket* packet, Times* times) const;
    bool continues(const Track& track, int64_t dts) const;
    size_t nearest_piece(const Track& track, int64_t dts, bool continuous) const;
    static int64_t shift_behind(const Track& track, const Times& times);
    std::optional<int64_t> video_shift(const std::deque<Packet>& ahead) const;
    void advance(Track* track, const Times& times, int64_t shift) const;

    const AVFormatContext* file_;
    const AVStream* video_;
    bool may_jump_ahead_;
    int64_t origin_ = 0;
    int64_t clock_ = INT64_MIN;  // the latest time of sound or video
    std::vector<int64_t> shifts_ = {0};
    std::vector<Track> tracks_;
};

// Gives each decoded frame a time of its own, later than that of the frame before it. Frames
// without a time, or with one that is not later, share the span up to the next good one.
class FrameTimes {
  public:
    // rate: of frames that say nothing at all.
    explicit FrameTimes(AVRational rate) : rate_(rate) {}

    // The frame's pts is its time on the line, or AV_NOPTS_VALUE.
    void push(Frame frame);
    // Nothing comes any more.
    void flush();
    // The next frame; null: more have to be pushed.
    Frame pop();

    // Frames that would fill the gaps between the times, at the rate; 0 where the rate varies.
    // Such a gap is no fault by itself.
    int64_t skipped() const { return steady_ > 3 * gaps_ ? skipped_ : 0; }

  private:
    void look_at_step(int64_t time);
    void settle(int64_t next);
    void count_on(bool at_end);
    int64_t counted_time();

    AVRational rate_;
    int64_t last_ = INT64_MIN;  // time of the newest frame in `ready_`
    int64_t anchor_ = 0;        // the last time that a frame said, and how many were counted since
    int64_t counted_ = 0;
    int64_t last_duration_ = 0;
    int64_t steady_ = 0, gaps_ = 0;  // steps of one period, and of more
    int64_t skipped_ = 0;
    std::deque<Frame> pending_, ready_;
};

}  // namespace upscale
