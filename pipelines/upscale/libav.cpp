// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/libav.h"

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

template <typename Owner, typename Pointer>
Owner owned(Pointer* pointer) {
    if (!pointer) throw Failure(ExitCode::kFailed, "out of memory");
    return Owner(pointer);
}

}  // namespace

std::string libav_error(int code) {
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, text, sizeof text);
    return text;
}

Packet make_packet() { return owned<Packet>(av_packet_alloc()); }

Frame make_frame() { return owned<Frame>(av_frame_alloc()); }

InputFile open_input(const std::string& path, const std::string& name) {
    AVFormatContext* context = nullptr;
    int status = avformat_open_input(&context, ("file:" + path).c_str(), nullptr, nullptr);
    if (status < 0) throw Failure(ExitCode::kInput, name + ": " + libav_error(status));
    InputFile file(context);
    status = avformat_find_stream_info(file.get(), nullptr);
    if (status < 0) throw Failure(ExitCode::kInput, name + ": " + libav_error(status));
    return file;
}

AVStream* main_video(AVFormatContext* file) {
    for (unsigned i = 0; i < file->nb_streams; ++i) {
        AVStream* stream = file->streams[i];
        if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
            !(stream->disposition & AV_DISPOSITION_ATTACHED_PIC)) {
            return stream;
        }
    }
    return nullptr;
}

int64_t nanoseconds(int64_t ticks, AVRational time_base) {
    return av_rescale_q(ticks, time_base, kNanoseconds);
}

std::string count_is(int64_t count, const std::string& what) {
    return std::to_string(count) + " " + what + (count == 1 ? " is" : "s are");
}

std::string track_name(const AVStream* stream) {
    const char* type = av_get_media_type_string(stream->codecpar->codec_type);
    const bool cover = stream->disposition & AV_DISPOSITION_ATTACHED_PIC;
    return (cover ? "cover picture, " : "") + std::string(type ? type : "data") + " track " +
           std::to_string(stream->index) + " (" + avcodec_get_name(stream->codecpar->codec_id) +
           ")";
}

}  // namespace upscale
