// SPDX-License-Identifier: Apache-2.0
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

#include <atomic>
#include <memory>
#include <string>

namespace upscale {

struct CloseInput {
    void operator()(AVFormatContext* context) const { avformat_close_input(&context); }
};
using InputFile = std::unique_ptr<AVFormatContext, CloseInput>;

struct FreePacket {
    void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
using Packet = std::unique_ptr<AVPacket, FreePacket>;

struct FreeFrame {
    void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
using Frame = std::unique_ptr<AVFrame, FreeFrame>;

inline constexpr int64_t kSecond = 1'000'000'000;  // in nanoseconds
inline constexpr AVRational kNanoseconds = {1, kSecond};

// Set from any thread: who reads an input gives up.
using Stop = std::atomic<bool>;

std::string libav_error(int code);

// Neither throws but Failure (kFailed), when memory is out.
Packet make_packet();
Frame make_frame();

// Opens a file and finds out about its streams. `name` is how the user calls it. Throws Failure
// (kInput).
InputFile open_input(const std::string& path, const std::string& name);

// The first video that is not a cover picture; null: none.
AVStream* main_video(AVFormatContext* file);

// Packet's or stream's time in nanoseconds.
int64_t nanoseconds(int64_t ticks, AVRational time_base);

// "1 packet is", "2 packets are".
std::string count_is(int64_t count, const std::string& what);

// "audio track 1 (aac)".
std::string track_name(const AVStream* stream);

}  // namespace upscale
