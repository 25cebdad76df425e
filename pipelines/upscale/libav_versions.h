// SPDX-License-Identifier: Apache-2.0
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavfilter/buffersrc.h>
#include <libavfilter/version.h>
#include <libavformat/avformat.h>
}

// What differs between FFmpeg 5.1 (libavformat 59, Debian 12) and those after it.

namespace upscale {

// Side data of a stream as its container gives it; null: none.
inline const uint8_t* stream_side_data(const AVStream* stream, AVPacketSideDataType type,
                                       size_t* size) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
    const AVPacketSideData* data = av_packet_side_data_get(
        stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data, type);
    *size = data ? data->size : 0;
    return data ? data->data : nullptr;
#else
    return av_stream_get_side_data(stream, type, size);
#endif
}

// Room for side data of a stream that is written; null: out of memory.
inline uint8_t* add_stream_side_data(AVStream* stream, AVPacketSideDataType type, size_t size) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
    AVPacketSideData* data = av_packet_side_data_new(
        &stream->codecpar->coded_side_data, &stream->codecpar->nb_coded_side_data, type, size, 0);
    return data ? data->data : nullptr;
#else
    return av_stream_new_side_data(stream, type, size);
#endif
}

// In the time base of the packets; 0: not known.
inline int64_t duration_of(const AVFrame* frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    return frame->duration;
#else
    return frame->pkt_duration;
#endif
}

inline void set_duration(AVFrame* frame, int64_t duration) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    frame->duration = duration;
#else
    frame->pkt_duration = duration;
#endif
}

inline bool is_interlaced(const AVFrame* frame) {
#ifdef AV_FRAME_FLAG_INTERLACED
    return frame->flags & AV_FRAME_FLAG_INTERLACED;
#else
    return frame->interlaced_frame;
#endif
}

// Before libavfilter 10 the frames alone say it.
inline void set_colour(AVBufferSrcParameters* form, const AVFrame* like) {
#if LIBAVFILTER_VERSION_MAJOR >= 10
    form->color_space = like->colorspace;
    form->color_range = like->color_range;
#else
    (void)form;
    (void)like;
#endif
}

}  // namespace upscale
