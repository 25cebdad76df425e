#include "pipelines/upscale/media.h"

#include <algorithm>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav.h"

namespace upscale {

namespace {

void read_video(AVFormatContext* file, const AVStream* video, Media* media) {
    media->width = video->codecpar->width;
    media->height = video->codecpar->height;
    const AVRational rate =
        video->avg_frame_rate.num > 0 ? video->avg_frame_rate : video->r_frame_rate;
    media->fps_n = rate.num;
    media->fps_d = std::max(rate.den, 1);
    if (video->duration != AV_NOPTS_VALUE) {
        media->duration = nanoseconds(video->duration, video->time_base);
    } else if (file->duration != AV_NOPTS_VALUE) {
        media->duration = nanoseconds(file->duration, AV_TIME_BASE_Q);
    }
    media->frames = video->nb_frames;
    if (media->frames == 0) media->frames = media->frames_between(0, media->duration);
}

void look_at_tracks(const AVFormatContext* file, Media* media) {
    for (unsigned i = 0; i < file->nb_streams; ++i) {
        const AVMediaType type = file->streams[i]->codecpar->codec_type;
        if (type == AVMEDIA_TYPE_AUDIO) ++media->audio_tracks;
        if (type == AVMEDIA_TYPE_SUBTITLE) ++media->subtitles;
    }
    media->chapters = static_cast<int>(file->nb_chapters);
    media->matroska = g_str_has_prefix(file->iformat->name, "matroska");
}

void describe_images(const Source& source, double fps, Media* media) {
    gst_util_double_to_fraction(fps, &media->fps_n, &media->fps_d);
    media->frames = source.images().size();
    media->duration = gst_util_uint64_scale(media->frames, media->fps_d * GST_SECOND, media->fps_n);
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
    if (frames) text += ", " + std::to_string(frames) + " frames";
    if (audio_tracks) text += count(audio_tracks, "audio track");
    if (subtitles) text += count(subtitles, "subtitle");
    if (chapters) text += count(chapters, "chapter");
    return text;
}

Media read_media(const Source& source, double fps) {
    Media media;
    if (source.kind() == Source::Kind::kPipe) return media;
    const InputFile file = open_input(source.path(), source.name());
    const AVStream* video = main_video(file.get());
    if (!video || video->codecpar->width == 0) {
        throw Failure(ExitCode::kInput, source.name() + " has no video");
    }
    read_video(file.get(), video, &media);
    look_at_tracks(file.get(), &media);
    if (source.kind() == Source::Kind::kImages) describe_images(source, fps, &media);
    const AVFieldOrder order = video->codecpar->field_order;
    if (order != AV_FIELD_UNKNOWN && order != AV_FIELD_PROGRESSIVE) {
        throw Failure(ExitCode::kInput, source.name() + " is interlaced; deinterlace it first");
    }
    return media;
}

}  // namespace upscale
