// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/encode.h"

extern "C" {
#include <libavutil/hwcontext.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <cstring>
#include <utility>

#include "pipelines/upscale/captions.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/icc.h"
#include "pipelines/upscale/picture.h"
#include "pipelines/upscale/pixels.h"

namespace upscale {

namespace {

GstVideoInfo info_of(GstCaps* caps) {
    GstVideoInfo info;
    if (!gst_video_info_from_caps(&info, caps)) {
        throw Failure(ExitCode::kFailed, "frames come in a format that is not known");
    }
    return info;
}

[[noreturn]] void fail(const VideoPlan& plan, int status) {
    throw Failure(ExitCode::kFailed, std::string(plan.encoder->name) + ": " + libav_error(status));
}

// A codec as the user knows it.
std::string shown(const std::string& codec) { return codec == "raw" ? "y4m" : codec; }

// FFmpeg 7's libx265 could, and by default does not.
bool writes_captions(const AVCodecContext* context) {
    int64_t on = 0;
    return context->priv_data && av_opt_get_int(context->priv_data, "a53cc", 0, &on) >= 0 && on;
}

}  // namespace

VideoEncoder::VideoEncoder(const VideoPlan& plan, GstCaps* caps, AVRational time_base,
                           Report* report)
    : plan_(plan), report_(report) {
    const GstVideoInfo info = info_of(caps);
    coding_.levels = levels_of(caps);
    describe(info, time_base);
    context_ = open_encoder(*plan.encoder, coding_);
    follow(caps);
    const std::string codec = plan.encoder->codec;
    if ((codec == "raw" || codec == "png") && coding_.colour.is_hdr()) {
        report_->loss("hdr", "that the picture is HDR (PQ or HLG) is not said: " + shown(codec) +
                                 " does not hold it");
    }
    if (plan.icc.empty()) return;
    keeps_icc_ = codec == "png" && describes(plan.icc, coding_.format);
    if (codec != "png") {
        lose_icc(shown(codec) + " does not hold it");
    } else if (!keeps_icc_) {
        lose_icc("it is for another kind of colour than " + pixel_format_name(coding_.format));
    }
}

VideoEncoder::~VideoEncoder() { gst_caps_replace(&caps_, nullptr); }

void VideoEncoder::describe(const GstVideoInfo& info, AVRational time_base) {
    const AVPixelFormat comes = libav_format(GST_VIDEO_INFO_FORMAT(&info));
    width_ = coding_.width = GST_VIDEO_INFO_WIDTH(&info);
    height_ = coding_.height = GST_VIDEO_INFO_HEIGHT(&info);
    coding_.format = coded_format(plan_, *plan_.encoder, comes);
    coded_size(*plan_.encoder, coding_.format, &coding_.width, &coding_.height);
    coding_.colour = converted_colour(colour_of(info), comes, coding_.format, width_, height_,
                                      plan_.encoder->limited);
    coding_.time_base = time_base;
    coding_.rate = {GST_VIDEO_INFO_FPS_N(&info), GST_VIDEO_INFO_FPS_D(&info)};
    coding_.aspect = {GST_VIDEO_INFO_PAR_N(&info), GST_VIDEO_INFO_PAR_D(&info)};
    coding_.crf = plan_.crf;
}

void VideoEncoder::lose_icc(const std::string& why) {
    report_->loss("icc", "the ICC profile is left out: " + why);
}

// Frames may change while they come; what is coded does not.
void VideoEncoder::follow(GstCaps* caps) {
    if (caps_ && gst_caps_is_equal(caps, caps_)) return;
    gst_caps_replace(&caps_, caps);
    converter_ = std::make_unique<FrameConverter>(info_of(caps), coding_, width_, height_);
}

void VideoEncoder::encode(GstSample* sample, int64_t time, int64_t duration, const Take& take) {
    follow(gst_sample_get_caps(sample));
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    Frame frame = prepare(buffer);
    // Two frames that the time base cannot tell apart stay two.
    if (last_time_ != INT64_MIN) time = std::max(time, last_time_ + 1);
    last_time_ = frame->pts = time;
    waiting_[time] = {duration, place_captions(buffer, frame.get())};
    ++frames_;
    frame = upload(std::move(frame));
    send(frame.get(), take);
}

Frame VideoEncoder::prepare(GstBuffer* buffer) {
    if (looks_for_alpha_ && converter_->drops_alpha() && converter_->is_transparent(buffer)) {
        looks_for_alpha_ = false;
        report_->loss("alpha", "transparency is left out: " + std::string(plan_.encoder->codec) +
                                   " in " + pixel_format_name(coding_.format) +
                                   " does not hold it");
    }
    Frame frame = converter_->convert(buffer);
    set_levels(coding_.levels, frame.get());
    if (keeps_icc_) set_icc_profile(plan_.icc, frame.get());
    frame->sample_aspect_ratio = coding_.aspect;
    return frame;
}

// Has the encoder write them; what it does not write itself comes back.
std::string VideoEncoder::place_captions(GstBuffer* buffer, AVFrame* frame) {
    const std::string captions = captions_of(buffer);
    if (captions.empty()) return {};
    if (writes_captions(context_.get())) {
        AVFrameSideData* data =
            av_frame_new_side_data(frame, AV_FRAME_DATA_A53_CC, captions.size());
        if (!data) fail(plan_, AVERROR(ENOMEM));
        std::memcpy(data->data, captions.data(), captions.size());
        return {};
    }
    const AVCodecID codec = context_->codec_id;
    if (codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC) return captions;
    report_->loss("captions", "closed captions are left out: " + std::string(plan_.encoder->codec) +
                                  " does not hold them");
    return {};
}

Frame VideoEncoder::upload(Frame frame) const {
    if (!context_->hw_frames_ctx) return frame;
    Frame device = make_frame();
    int status = av_hwframe_get_buffer(context_->hw_frames_ctx, device.get(), 0);
    if (status >= 0) status = av_hwframe_transfer_data(device.get(), frame.get(), 0);
    if (status >= 0) status = av_frame_copy_props(device.get(), frame.get());
    if (status < 0) fail(plan_, status);
    return device;
}

void VideoEncoder::finish(const Take& take) {
    if (std::exchange(finished_, true)) return;
    send(nullptr, take);
    if (packets_ != frames_) {
        throw Failure(ExitCode::kFailed, std::string(plan_.encoder->name) + " made " +
                                             std::to_string(packets_) + " packets of " +
                                             std::to_string(frames_) + " frames");
    }
}

void VideoEncoder::send(const AVFrame* frame, const Take& take) {
    int status = avcodec_send_frame(context_.get(), frame);
    const Packet packet = make_packet();
    while (status >= 0) {
        status = avcodec_receive_packet(context_.get(), packet.get());
        if (status < 0) break;
        complete(packet.get(), take);
        av_packet_unref(packet.get());
    }
    if (status < 0 && status != AVERROR(EAGAIN) && status != AVERROR_EOF) fail(plan_, status);
}

void VideoEncoder::complete(AVPacket* packet, const Take& take) {
    ++packets_;
    if (keeps_icc_ && !has_icc_profile(packet)) lose_icc("this libavcodec does not write it");
    const auto waiting = waiting_.find(packet->pts);
    if (waiting != waiting_.end()) {
        packet->duration = waiting->second.duration;
        if (!waiting->second.captions.empty()) {
            insert_captions(context_->codec_id, waiting->second.captions, packet);
        }
        waiting_.erase(waiting);
    }
    take(packet);
}

}  // namespace upscale
