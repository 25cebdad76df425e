// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/media.h"

#include <algorithm>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/icc.h"
#include "pipelines/upscale/libav.h"

namespace upscale {

namespace {

void read_times(const AVFormatContext* file, const AVStream* video, Media* media) {
    if (video->duration != AV_NOPTS_VALUE) {
        media->duration = nanoseconds(video->duration, video->time_base);
    } else if (file->duration != AV_NOPTS_VALUE) {
        media->duration = nanoseconds(file->duration, AV_TIME_BASE_Q);
    }
    media->frames = video->nb_frames;
}

void look_at_tracks(const AVFormatContext* file, Media* media) {
    for (unsigned i = 0; i < file->nb_streams; ++i) {
        const AVMediaType type = file->streams[i]->codecpar->codec_type;
        if (type == AVMEDIA_TYPE_AUDIO) ++media->audio_tracks;
        if (type == AVMEDIA_TYPE_SUBTITLE) ++media->subtitles;
    }
    media->chapters = static_cast<int>(file->nb_chapters);
}

// Reads all of it, once, for what is gone to many times.
bool has_steady_clock(const Source& source) {
    const std::unique_ptr<Demuxer> demuxer = open_demuxer(source, nullptr);
    const Packet packet = make_packet();
    while (demuxer->is_whole() && demuxer->read(packet.get())) av_packet_unref(packet.get());
    return demuxer->is_whole();
}

std::string count(int number, const char* what) {
    return ", " + std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

}  // namespace

guint64 Media::frames_between(GstClockTime start, GstClockTime end) const {
    if (GST_CLOCK_TIME_IS_VALID(duration)) end = std::min(end, duration);
    if (fps_n <= 0 || !GST_CLOCK_TIME_IS_VALID(end) || end <= start) return 0;
    return gst_util_uint64_scale_round(end - start, fps_n, fps_d * GST_SECOND);
}

std::string Media::describe() const {
    if (width == 0) return "from a pipe";
    std::string text = std::to_string(width) + "x" + std::to_string(height);
    if (fps_n > 0) {
        gchar rate[32];
        g_snprintf(rate, sizeof rate, ", %.5g FPS", static_cast<double>(fps_n) / fps_d);
        text += rate;
    }
    if (interlaced) text += ", interlaced";
    if (frames) text += ", " + std::to_string(frames) + " frames";
    if (audio_tracks) text += count(audio_tracks, "audio track");
    if (subtitles) text += count(subtitles, "subtitle");
    if (chapters) text += count(chapters, "chapter");
    return text;
}

Media read_media(const Source& source, const ReadPlan& plan) {
    Media media;
    media.read = plan;
    if (source.kind() == Source::Kind::kPipe) return media;
    Report unheard([](const std::string&) {}, false);
    VideoReader reader(source, plan, nullptr, &unheard);
    const Frame frame = reader.next();
    if (!frame) reader.report_losses();
    if (!frame) throw Failure(ExitCode::kInput, source.name() + " has no video");
    media.width = frame->width;
    media.height = frame->height;
    media.pixel_format = static_cast<AVPixelFormat>(frame->format);
    media.icc = icc_profile_of(frame.get());
    media.fps_n = reader.rate().num;
    media.fps_d = reader.rate().den;
    const bool images = source.kind() == Source::Kind::kImages;
    if (images) {
        media.frames = source.images().size();
        media.duration = gst_util_uint64_scale(media.frames, media.fps_d * GST_SECOND, media.fps_n);
    } else {
        AVFormatContext* file = reader.demuxer()->file();
        const AVStream* video = reader.demuxer()->video();
        read_times(file, video, &media);
        look_at_tracks(file, &media);
        const AVFieldOrder order = video->codecpar->field_order;
        if (plan.often && reader.demuxer()->may_jump()) {
            media.read.steady = has_steady_clock(source);
        }
        media.interlaced = order != AV_FIELD_UNKNOWN && order != AV_FIELD_PROGRESSIVE;
    }
    if (plan.deinterlace == Deinterlace::kField) media.frames *= 2;
    if (media.frames == 0) media.frames = media.frames_between(0, media.duration);
    return media;
}

}  // namespace upscale
