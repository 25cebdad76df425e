// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/mux.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/video_stream.h"

namespace upscale {

namespace {

struct FreeCodec {
    void operator()(AVCodecParameters* codec) const { avcodec_parameters_free(&codec); }
};
using Codec = std::unique_ptr<AVCodecParameters, FreeCodec>;

Codec codec_of(const AVCodecContext* context) {
    Codec codec(avcodec_parameters_alloc());
    if (!codec || avcodec_parameters_from_context(codec.get(), context) < 0) {
        throw Failure(ExitCode::kFailed, "out of memory");
    }
    return codec;
}

// May lie before 0: encoders count back from the first frame.
int64_t stream_time(const GstSegment* segment, GstClockTime time) {
    guint64 result = 0;
    const int sign = gst_segment_to_stream_time_full(segment, GST_FORMAT_TIME, time, &result);
    return sign < 0 ? -static_cast<int64_t>(result) : static_cast<int64_t>(result);
}

AVRational frame_period(GstCaps* caps) {
    int n = 0, d = 1;
    gst_structure_get_fraction(gst_caps_get_structure(caps, 0), "framerate", &n, &d);
    return n > 0 ? AVRational{d, n} : AVRational{1, 90000};
}

AVDictionary* muxer_settings(const std::string& format, bool piped) {
    AVDictionary* settings = nullptr;
    if (piped && (format == "mp4" || format == "mov")) {
        av_dict_set(&settings, "movflags", "+frag_keyframe+empty_moov+default_base_moof", 0);
    }
    return settings;
}

}  // namespace

void FreeOutput::operator()(AVFormatContext* context) const {
    avio_closep(&context->pb);
    avformat_free_context(context);
}

Mux::Mux(MuxOptions options, Report* report) : options_(std::move(options)), report_(report) {
    if (!options_.input.empty()) {
        tracks_ =
            std::make_unique<Tracks>(options_.input, options_.input_name, options_.with_sound);
    }
}

void Mux::check(int status, const char* what) const {
    if (status < 0) {
        throw Failure(ExitCode::kFailed, options_.name + ": " + what + ": " + libav_error(status));
    }
}

// The input's, made finer where it counts whole frames, as AVI does: frames may lie between.
AVRational Mux::video_time_base(AVRational other) const {
    constexpr int kCoarsest = 1000;  // ticks a second
    AVRational base = tracks_ && tracks_->video() ? tracks_->video()->time_base : other;
    if (options_.double_rate) base.den *= 2;
    const int factor = (kCoarsest * base.num + base.den - 1) / base.den;
    if (factor > 1) base.den *= factor;
    return base;
}

int64_t Mux::ticks(int64_t time) const {
    return av_rescale_q(time - zero(), kNanoseconds, time_base_);
}

void Mux::write(GstSample* sample) {
    GstCaps* caps = gst_sample_get_caps(sample);
    if (!encoder_) {
        const AVRational time_base = video_time_base(frame_period(caps));
        encoder_ = std::make_unique<VideoEncoder>(*options_.plan, caps, time_base, report_);
        begin(*codec_of(encoder_->context()), nullptr, time_base);
    }
    const GstBuffer* buffer = gst_sample_get_buffer(sample);
    const int64_t time = stream_time(gst_sample_get_segment(sample), GST_BUFFER_PTS(buffer));
    int64_t duration = 0;
    if (GST_BUFFER_DURATION_IS_VALID(buffer)) {
        duration = av_rescale_q(static_cast<int64_t>(GST_BUFFER_DURATION(buffer)), kNanoseconds,
                                time_base_);
    }
    encoder_->encode(sample, ticks(time), duration, [this](AVPacket* packet) { send(packet); });
}

void Mux::drain() {
    if (encoder_) encoder_->finish([this](AVPacket* packet) { send(packet); });
}

void Mux::write_packet(const AVStream* stream, AVPacket* packet) {
    if (!output_) {
        begin(*stream->codecpar, stream, video_time_base(stream->time_base));
    }
    av_packet_rescale_ts(packet, stream->time_base, time_base_);
    send(packet);
}

void Mux::begin(const AVCodecParameters& codec, const AVStream* part, AVRational time_base) {
    time_base_ = time_base;
    AVFormatContext* context = nullptr;
    check(avformat_alloc_output_context2(&context, nullptr, options_.format.c_str(), nullptr),
          "cannot make the file");
    output_.reset(context);
    if (options_.piped) context->flags |= AVFMT_FLAG_FLUSH_PACKETS;  // for who waits for a frame
    // A part keeps the times of the whole; its decoding times are counted back from them anew.
    if (options_.is_part) context->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
    // FLAC, Opus and TrueHD in mp4 are called that long after players learnt them.
    context->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    open(codec, part);
}

void Mux::open(const AVCodecParameters& codec, const AVStream* part) {
    AVFormatContext* output = output_.get();
    AVStream* video = avformat_new_stream(output, nullptr);
    if (!video) check(AVERROR(ENOMEM), "the container's head");
    set_codec(output->oformat, codec, video);
    video->time_base = time_base_;
    video->avg_frame_rate = options_.frame_rate;
    if (tracks_ && tracks_->video())
        describe_video(tracks_->video(), video, options_.keep_rotation);
    if (options_.double_rate) video->avg_frame_rate.num *= 2;
    if (encoder_) {
        add_levels(encoder_->levels(), video);
        if (video->avg_frame_rate.num == 0) video->avg_frame_rate = encoder_->context()->framerate;
        if (options_.is_part) keep_picture_as_tag(encoder_->levels(), video);
        // y4m has no times: its rate is the unit of time.
        if (options_.format == "yuv4mpegpipe") video->time_base = av_inv_q(video->avg_frame_rate);
    } else {
        take_picture_from_tag(part, video);
    }
    if (tracks_ && options_.with_tracks) {
        const Window& window = options_.window;
        Tracks::Span span;
        span.zero = zero();
        span.double_rate = options_.double_rate;
        if (window.start > 0) span.start = span.zero;
        if (GST_CLOCK_TIME_IS_VALID(window.end)) {
            span.end = static_cast<int64_t>(window.end);
        }
        tracks_->declare(output, span, report_);
    }
    check(avio_open(&output->pb, options_.url.c_str(), AVIO_FLAG_WRITE), "cannot write");
    AVDictionary* settings = muxer_settings(options_.format, options_.piped);
    const int status = avformat_write_header(output, &settings);
    av_dict_free(&settings);
    check(status, "the container's head");
    packets_ = std::make_unique<PacketWriter>(output, options_.name);
}

void Mux::send(AVPacket* packet) {
    AVStream* video = output_->streams[0];
    const int64_t due = av_rescale_q(packet->dts, time_base_, kNanoseconds);
    av_packet_rescale_ts(packet, time_base_, video->time_base);
    // Where two encoders' runs meet, the second's count back may reach into the first.
    if (last_dts_ != INT64_MIN) packet->dts = std::max(packet->dts, last_dts_ + 1);
    packet->dts = std::min(packet->dts, packet->pts);
    last_dts_ = packet->dts;
    packet->stream_index = 0;
    if (tracks_ && options_.with_tracks) tracks_->copy_until(packets_.get(), due + zero());
    packets_->write(packet);
    check_video();
}

// The picture's track has to be whole; a packet of another may be left out.
void Mux::check_video() const {
    check(packets_->refused(0).error, "writing");
    check(output_->pb->error, "writing");
}

void Mux::finish(GstClockTime end) {
    drain();
    if (!output_) return;
    if (tracks_ && options_.with_tracks) {
        if (GST_CLOCK_TIME_IS_VALID(end)) {
            tracks_->set_end(static_cast<int64_t>(end));
        }
        tracks_->copy_until(packets_.get(), INT64_MAX);
    }
    packets_->flush();
    check_video();
    if (tracks_ && options_.with_tracks) tracks_->report_losses(*packets_);
    check(av_write_trailer(output_.get()), "writing");
    avio_flush(output_->pb);
    check(output_->pb->error, "writing");
    check(avio_closep(&output_->pb), "writing");
}

}  // namespace upscale
