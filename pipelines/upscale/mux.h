// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "pipelines/upscale/encode.h"
#include "pipelines/upscale/packet_writer.h"
#include "pipelines/upscale/tracks.h"
#include "pipelines/upscale/window.h"
#include "pipelines/upscale/writer.h"

namespace upscale {

struct FreeOutput {
    void operator()(AVFormatContext* context) const;
};
using OutputFile = std::unique_ptr<AVFormatContext, FreeOutput>;

// What a container is to be.
struct MuxOptions {
    std::string name;         // as the user knows it, for messages
    std::string url;          // as libavformat opens it
    bool piped = false;       // it cannot go back in what it wrote
    std::string format;       // as libavformat calls it
    std::string input;        // file whose other tracks come along; empty: none
    std::string input_name;   // as the user calls it
    bool with_tracks = true;  // false: `input` only describes the video
    bool with_sound = true;
    bool is_part = false;        // its packets will go into another Mux
    Window window;               // of the input
    bool keep_rotation = false;  // the frames are not turned: players do it
    bool double_rate = false;    // two frames for each of the input's
    AVRational frame_rate = {0, 1};
    const VideoPlan* plan = nullptr;  // of frames; outlives the Mux. Packets need none
};

// Codes the video and writes it and the input's other tracks into one container, by libavformat.
// Every frame has its time, which is that of the input's time line, in units of the input. The
// file is made when the first frame comes.
class Mux : public Writer {
  public:
    // report: hears what is left out, from the writing thread; outlives the Mux.
    Mux(MuxOptions options, Report* report);

    void write(GstSample* sample) override;
    void drain() override;
    void finish(GstClockTime end) override;

    // Packets that were written before, by another Mux of the same input; `stream` is theirs.
    void write_packet(const AVStream* stream, AVPacket* packet);

  private:
    // part: whose packets come; null: the encoder's do.
    void begin(const AVCodecParameters& codec, const AVStream* part, AVRational time_base);
    void open(const AVCodecParameters& codec, const AVStream* part);
    void send(AVPacket* packet);
    void check(int status, const char* what) const;
    void check_video() const;
    AVRational video_time_base(AVRational other) const;
    // Ticks in the file, of a time on the input's time line.
    int64_t ticks(int64_t time) const;
    // The time on the line that is 0 in the output.
    int64_t zero() const { return static_cast<int64_t>(options_.window.start); }

    MuxOptions options_;
    Report* report_;
    std::unique_ptr<Tracks> tracks_;         // null: no file beside the frames
    std::unique_ptr<VideoEncoder> encoder_;  // null: packets come
    OutputFile output_;
    std::unique_ptr<PacketWriter> packets_;  // into output_
    AVRational time_base_ = {1, 90000};      // of the packets that come
    int64_t last_dts_ = INT64_MIN;
};

}  // namespace upscale
