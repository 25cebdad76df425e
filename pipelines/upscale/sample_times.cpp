// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/sample_times.h"

extern "C" {
#include <libavutil/intreadwrite.h>
}

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace upscale {

namespace {

constexpr size_t kSkipSize = 10;  // of what a packet says about samples that are not to be heard

// Packets say by themselves how long they are, and the last may be shorter than the others (ALAC).
bool needs_decoding(AVCodecID id) {
    constexpr int kEachByItself = AV_CODEC_PROP_INTRA_ONLY | AV_CODEC_PROP_LOSSLESS;
    const AVCodecDescriptor* codec = avcodec_descriptor_get(id);
    return codec && (codec->props & kEachByItself) == kEachByItself;
}

// Bytes of the samples of one moment; 0: the packet's bytes are not samples one after another.
int bytes_of_moment(const AVCodecParameters* codec) {
    const AVCodecDescriptor* name = avcodec_descriptor_get(codec->codec_id);
    const bool plain =
        name && !std::strncmp(name->name, "pcm_", 4) && !std::strstr(name->name, "planar");
    return plain ? av_get_exact_bits_per_sample(codec->codec_id) * codec->ch_layout.nb_channels / 8
                 : 0;
}

}  // namespace

SampleTimes::SampleTimes(const AVStream* track)
    : track_(track), rate_(track->codecpar->sample_rate), unit_(nanoseconds(1, track->time_base)) {}

void SampleTimes::refine(AVPacket* packet, AVRational to) {
    if (rate_ <= 0) return;
    const AVRational sample = {1, rate_};
    const int64_t samples = samples_in(packet);
    if (samples > 0) packet->duration = nanoseconds(samples, sample);
    look_at_step(packet);
    const bool coarse = unit_ > kSecond / rate_ && unit_ > nanoseconds(1, to);
    if (!coarse || packet->dts == AV_NOPTS_VALUE) return;
    const int64_t counted = nanoseconds(counted_, sample);
    if (anchor_ == INT64_MIN || std::llabs(anchor_ + counted - packet->dts) > unit_) {
        anchor_ = exact(packet->dts);
        counted_ = 0;
    }
    const int64_t time = anchor_ + nanoseconds(counted_, sample);
    if (packet->pts != AV_NOPTS_VALUE) packet->pts += time - packet->dts;
    packet->dts = time;
    counted_ += samples;
    if (samples == 0) anchor_ = INT64_MIN;
}

// Where nobody says how long a packet is, it is as long as others: the last has none after it.
void SampleTimes::look_at_step(AVPacket* packet) {
    if (packet->dts == AV_NOPTS_VALUE) return;
    const int64_t step = last_dts_ == INT64_MIN ? 0 : packet->dts - last_dts_;
    if (step > 0) step_ = step_ == 0 ? step : std::min(step_, step);
    if (packet->duration == 0) packet->duration = step_;
    last_dts_ = packet->dts;
}

// What leads decoders in ends at 0.
int64_t SampleTimes::exact(int64_t begin) const {
    const int64_t lead_in = nanoseconds(track_->codecpar->initial_padding, {1, rate_});
    return lead_in > 0 && std::llabs(begin + lead_in) <= unit_ ? -lead_in : begin;
}

// 0: not known but for the container's word.
int64_t SampleTimes::samples_in(const AVPacket* packet) {
    constexpr int kOpusFrames = 400;  // a second: the shortest there are
    if (track_->codecpar->codec_id == AV_CODEC_ID_OPUS) {
        return av_rescale(packet->duration, kOpusFrames, kSecond) * rate_ / kOpusFrames;
    }
    // Matroska has all of TTA's as long as the first, and its reader needs the true end.
    const bool doubtful = track_->codecpar->codec_id == AV_CODEC_ID_TTA;
    if ((packet->duration == 0 || doubtful) && needs_decoding(track_->codecpar->codec_id)) {
        return count_decoded(packet);
    }
    const int64_t usual = av_get_audio_frame_duration2(track_->codecpar, packet->size);
    const int64_t difference = nanoseconds(usual, {1, rate_}) - packet->duration;
    return usual > 0 && (packet->duration == 0 || std::llabs(difference) <= unit_) ? usual : 0;
}

int64_t SampleTimes::count_decoded(const AVPacket* packet) {
    if (!decoder_) {
        const AVCodec* codec = avcodec_find_decoder(track_->codecpar->codec_id);
        decoder_.reset(avcodec_alloc_context3(codec));
        const bool good = codec && decoder_ &&
                          avcodec_parameters_to_context(decoder_.get(), track_->codecpar) >= 0 &&
                          avcodec_open2(decoder_.get(), codec, nullptr) >= 0;
        if (!good) return 0;
    }
    const Frame frame = make_frame();
    int64_t samples = 0;
    if (avcodec_send_packet(decoder_.get(), packet) < 0) return 0;
    while (avcodec_receive_frame(decoder_.get(), frame.get()) >= 0) samples += frame->nb_samples;
    return samples;
}

void leave_out_padding(const AVStream* track, AVPacket* packet) {
    size_t size = 0;
    const uint8_t* skip = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
    const int rate = track->codecpar->sample_rate;
    if (!skip || size < kSkipSize || rate <= 0) return;
    packet->duration -= nanoseconds(AV_RL32(skip + 4), {1, rate});
    if (packet->duration <= 0) av_shrink_packet(packet, 0);
}

void cut_sound(const AVStream* track, int64_t end, AVPacket* packet) {
    const int64_t begin = packet->pts;
    if (begin == AV_NOPTS_VALUE || packet->duration <= 0 || end <= begin) return;
    const int64_t excess = begin + packet->duration - end;
    const AVCodecParameters* codec = track->codecpar;
    if (excess <= 0 || codec->sample_rate <= 0) return;
    packet->duration -= excess;
    const int64_t kept = av_rescale(packet->duration, codec->sample_rate, kSecond);
    if (const int bytes = bytes_of_moment(codec)) {
        av_shrink_packet(packet, static_cast<int>(std::min<int64_t>(packet->size, kept * bytes)));
        return;
    }
    size_t size = 0;
    uint8_t* skip = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
    if (!skip) {
        skip = av_packet_new_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, kSkipSize);
        if (!skip) return;
        std::memset(skip, 0, kSkipSize);
    }
    const auto cut = static_cast<uint32_t>(av_rescale(excess, codec->sample_rate, kSecond));
    AV_WL32(skip + 4, std::max(cut, AV_RL32(skip + 4)));
}

}  // namespace upscale
