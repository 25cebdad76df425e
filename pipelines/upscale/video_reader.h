// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "pipelines/upscale/decoder.h"
#include "pipelines/upscale/demuxer.h"
#include "pipelines/upscale/filter.h"
#include "pipelines/upscale/orientation.h"
#include "pipelines/upscale/report.h"
#include "pipelines/upscale/source.h"
#include "pipelines/upscale/timeline.h"

namespace upscale {

enum class Deinterlace {
    kAuto,   // frames that say that they are interlaced, each to one
    kOff,    // none
    kFrame,  // all, each to one
    kField,  // all, each to two
};

struct ReadPlan {
    int64_t begin = 0;                // earlier frames may be left out
    AVRational image_rate = {30, 1};  // of images
    Deinterlace deinterlace = Deinterlace::kAuto;
    bool upright = false;   // the container's rotation is done, not left to the player
    bool often = false;     // it is gone to many times, at `begin`s of its own
    bool steady = false;    // its clock was seen not to jump
    bool alpha = false;     // transparency is of use
    bool one_size = false;  // frames of another size are fitted into that of the first
};

// The video of an input, frame by frame.
class VideoReader {
  public:
    // Opens it. stop: once set, no frame comes any more. report: hears what is lost. Both outlive
    // it; the source may go. Throws Failure: kInput where there is no video that can be decoded.
    VideoReader(const Source& source, const ReadPlan& plan, const Stop* stop, Report* report);
    ~VideoReader();
    VideoReader(const VideoReader&) = delete;
    VideoReader& operator=(const VideoReader&) = delete;

    // The next frame in the order of time; its pts is its time in nanoseconds and higher than that
    // of the one before. Null: there is none any more. Throws Failure.
    Frame next();

    // Frames a second; never 0.
    AVRational rate() const { return rate_; }
    // The file; null for images.
    const Demuxer* demuxer() const { return demuxer_.get(); }

    // After the last frame: what could not be had.
    void report_losses() const;

  private:
    bool is_stopped() const { return stop_ && *stop_; }
    void open_file(const Source& source);
    void go_to_begin();
    bool read_more();
    bool read_packet();
    bool read_image();
    Frame decode_image(const std::string& path) const;
    void drain();
    void take(Frame frame);
    void deliver(Frame frame);
    std::string filter_for(const AVFrame* frame);
    std::string fitted(int width, int height);
    void pull_filtered();
    void end_filter();

    ReadPlan plan_;
    const Stop* stop_;
    Report* report_;
    std::string name_;
    std::vector<std::string> images_;
    size_t image_ = 0;
    std::unique_ptr<Demuxer> demuxer_;
    std::unique_ptr<Decoder> decoder_;
    std::optional<Orientation> orientation_;  // the container's
    AVRational rate_ = {25, 1};
    std::unique_ptr<FrameTimes> times_;
    std::unique_ptr<Filter> filter_;
    bool deinterlaces_ = false;
    bool untimed_ = false;        // the container has no clock: frames are counted
    int width_ = 0, height_ = 0;  // of the first frame, upright
    bool ended_ = false;
    std::deque<Frame> ready_;
};

// Opens the input, or one of its images, for reading packets.
std::unique_ptr<Demuxer> open_demuxer(const Source& source, const Stop* stop);

}  // namespace upscale
