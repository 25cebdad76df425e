// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "pipelines/upscale/libav.h"

namespace upscale {

struct FreeDecoder {
    void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};

// Packets of a video to its frames, in software: the frames are small beside the network.
class Decoder {
  public:
    // Packets come with times in nanoseconds. name: of the input. still: it is one picture.
    // Throws Failure (kInput) where there is no decoder for the codec.
    Decoder(const AVStream* stream, const std::string& name, bool still = false);

    // Null: nothing comes any more. Whatever can be received has to be received before.
    void send(const AVPacket* packet);
    // The next frame, its pts the best that is known of its time, or AV_NOPTS_VALUE. Null: more
    // packets have to come.
    Frame receive();

    // Frames that came out.
    int64_t decoded() const { return decoded_; }
    // Packets, from the first decoded frame on, of which nothing came.
    int64_t failed() const { return failed_; }
    // Frames that came out with faults.
    int64_t damaged() const { return damaged_; }
    // What the decoder said last to a packet that it refused; 0: nothing.
    int error() const { return error_; }

  private:
    void count(int status);
    template <typename Step>
    int heard(const Step& step);

    std::unique_ptr<AVCodecContext, FreeDecoder> context_;
    std::string name_;
    int64_t decoded_ = 0, failed_ = 0, damaged_ = 0;
    int error_ = 0;
    bool listens_;             // what the decoder complains of is damage
    bool complained_ = false;  // since the last frame
};

}  // namespace upscale
