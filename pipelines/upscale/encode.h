// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "pipelines/upscale/convert.h"
#include "pipelines/upscale/encoders.h"
#include "pipelines/upscale/plan.h"
#include "pipelines/upscale/report.h"

namespace upscale {

// Raw video into packets: one for each frame, with its time. One thread at a time. Everything
// throws Failure (kFailed) where the encoder or the memory refuses.
class VideoEncoder {
  public:
    // Gets each packet as it is complete, in the order of decoding; it may take it over.
    using Take = std::function<void(AVPacket*)>;

    // caps: of the first frame. time_base: of all times. report: hears of captions,
    // transparency and an ICC profile that the codec does not hold; outlives the encoder.
    VideoEncoder(const VideoPlan& plan, GstCaps* caps, AVRational time_base, Report* report);
    ~VideoEncoder();
    VideoEncoder(const VideoEncoder&) = delete;
    VideoEncoder& operator=(const VideoEncoder&) = delete;

    // time has to rise. duration: 0 where it is not known.
    void encode(GstSample* sample, int64_t time, int64_t duration, const Take& take);
    // Nothing comes any more: the packets that are still inside, once.
    void finish(const Take& take);

    // For the container; the times of packets are in time_base.
    const AVCodecContext* context() const { return context_.get(); }
    const HdrLevels& levels() const { return coding_.levels; }

  private:
    struct Waiting {
        int64_t duration;
        std::string captions;  // that the packet has to be given
    };

    void describe(const GstVideoInfo& info, AVRational time_base);
    void follow(GstCaps* caps);
    void lose_icc(const std::string& why);
    Frame prepare(GstBuffer* buffer);
    std::string place_captions(GstBuffer* buffer, AVFrame* frame);
    Frame upload(Frame frame) const;
    void send(const AVFrame* frame, const Take& take);
    void complete(AVPacket* packet, const Take& take);

    const VideoPlan& plan_;
    Report* report_;
    GstCaps* caps_ = nullptr;  // of the newest frame
    Coding coding_;
    int width_ = 0, height_ = 0;  // of the picture, which the frame may exceed
    EncoderContext context_;
    std::unique_ptr<FrameConverter> converter_;
    std::map<int64_t, Waiting> waiting_;  // by time: what packets do not bring along
    int64_t last_time_ = INT64_MIN;
    uint64_t frames_ = 0, packets_ = 0;
    bool finished_ = false, looks_for_alpha_ = true, keeps_icc_ = false;
};

}  // namespace upscale
