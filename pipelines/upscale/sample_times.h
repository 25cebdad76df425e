// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipelines/upscale/libav.h"

namespace upscale {

// Where the packets of a sound track begin and end. Their container may count in units that are
// coarser than a sample, and not say how long they are. Packets come in the order of decoding,
// times in nanoseconds.
class SampleTimes {
  public:
    // Outlives it.
    explicit SampleTimes(const AVStream* track);

    // Gives the packet its duration, if the codec says it. Where `to`, in which it is written,
    // counts in finer units, moves it by a unit of its container at most to where the one before
    // it ended.
    void refine(AVPacket* packet, AVRational to);

  private:
    void look_at_step(AVPacket* packet);
    int64_t exact(int64_t begin) const;
    int64_t samples_in(const AVPacket* packet);
    int64_t count_decoded(const AVPacket* packet);

    struct FreeContext {
        void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
    };

    const AVStream* track_;
    const int rate_;
    const int64_t unit_;          // of the container's time
    int64_t anchor_ = INT64_MIN;  // a time that the container said
    int64_t counted_ = 0;         // samples since then
    int64_t last_dts_ = INT64_MIN;
    int64_t step_ = 0;  // the shortest from packet to packet
    std::unique_ptr<AVCodecContext, FreeContext> decoder_;
};

// For a container that says by a packet's duration alone where sound ends: the packet is as long
// as what is to be heard of it, and empty where that is nothing.
void leave_out_padding(const AVStream* track, AVPacket* packet);

// Takes away what a packet of sound holds at `end` and later, in nanoseconds: of PCM the bytes, of
// other codecs its duration says it, and where the container has a word for it (Matroska) that.
void cut_sound(const AVStream* track, int64_t end, AVPacket* packet);

}  // namespace upscale
