// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/decoder.h"

#include <utility>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav_complaints.h"

namespace upscale {

namespace {

// FFmpeg's own decoders of VP8 and VP9 leave transparency out.
const AVCodec* find_decoder(const AVStream* stream) {
    const AVCodecID id = stream->codecpar->codec_id;
    const AVDictionaryEntry* alpha = av_dict_get(stream->metadata, "alpha_mode", nullptr, 0);
    const char* name = id == AV_CODEC_ID_VP8   ? "libvpx"
                       : id == AV_CODEC_ID_VP9 ? "libvpx-vp9"
                                               : nullptr;
    const AVCodec* codec = alpha && std::string(alpha->value) == "1" && name
                               ? avcodec_find_decoder_by_name(name)
                               : nullptr;
    return codec ? codec : avcodec_find_decoder(id);
}

}  // namespace

Decoder::Decoder(const AVStream* stream, const std::string& name, bool still) : name_(name) {
    const AVCodecID id = stream->codecpar->codec_id;
    // Decoders of video complain of much that is harmless, also of the JPEG of some cameras.
    const AVCodecDescriptor* descriptor = avcodec_descriptor_get(id);
    listens_ = still || (descriptor && descriptor->mime_types && id != AV_CODEC_ID_MJPEG);
    const AVCodec* codec = find_decoder(stream);
    if (!codec) {
        throw Failure(ExitCode::kInput, name + ": there is no decoder for its video (" +
                                            avcodec_get_name(id) + ") here");
    }
    context_.reset(avcodec_alloc_context3(codec));
    int status = context_ ? avcodec_parameters_to_context(context_.get(), stream->codecpar)
                          : AVERROR(ENOMEM);
    if (status >= 0) {
        context_->pkt_timebase = kNanoseconds;
        context_->thread_count = 0;  // as many as there are processors
        // Threads of a frame each find faults of a frame after it has left, now and then.
        context_->thread_type = FF_THREAD_SLICE;
        status = avcodec_open2(context_.get(), codec, nullptr);
    }
    if (status < 0) {
        throw Failure(ExitCode::kInput, name + ": the decoder of its video (" +
                                            avcodec_get_name(id) + "): " + libav_error(status));
    }
}

void Decoder::count(int status) {
    if (status == AVERROR(ENOMEM)) throw Failure(ExitCode::kFailed, name_ + ": out of memory");
    error_ = status;
    // What comes before the first key frame is not there to be decoded.
    if (decoded_ > 0) ++failed_;
}

// Does a step of the decoder, whose flags do not tell of each damage.
template <typename Step>
int Decoder::heard(const Step& step) {
    if (!listens_) return step();
    const LibavComplaints complaints;
    const int status = step();
    if (LibavComplaints::any()) complained_ = true;
    return status;
}

void Decoder::send(const AVPacket* packet) {
    const int status = heard([&] { return avcodec_send_packet(context_.get(), packet); });
    if (status < 0 && status != AVERROR_EOF) count(status);
}

Frame Decoder::receive() {
    constexpr int kFaults = FF_DECODE_ERROR_INVALID_BITSTREAM | FF_DECODE_ERROR_MISSING_REFERENCE |
                            FF_DECODE_ERROR_CONCEALMENT_ACTIVE | FF_DECODE_ERROR_DECODE_SLICES;
    Frame frame = make_frame();
    for (;;) {
        const int status =
            heard([&] { return avcodec_receive_frame(context_.get(), frame.get()); });
        if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return nullptr;
        if (status >= 0) break;
        count(status);
    }
    ++decoded_;
    const bool complained = std::exchange(complained_, false);
    if (complained || (frame->flags & AV_FRAME_FLAG_CORRUPT) ||
        (frame->decode_error_flags & kFaults)) {
        ++damaged_;
    }
    frame->pts = frame->best_effort_timestamp;
    return frame;
}

}  // namespace upscale
