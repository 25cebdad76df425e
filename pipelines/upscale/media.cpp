#include "pipelines/upscale/media.h"

#include <gst/pbutils/pbutils.h>
#include <unistd.h>

#include <cerrno>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

constexpr GstClockTime kPatience = 20 * GST_SECOND;

/// The file's information, or null with the reason in `why`.
GstDiscovererInfo* discover(const std::string& path, std::string* why) {
    GError* error = nullptr;
    GstDiscovererInfo* info = nullptr;
    gchar* uri = gst_filename_to_uri(path.c_str(), &error);
    GstDiscoverer* discoverer = uri ? gst_discoverer_new(kPatience, &error) : nullptr;
    if (discoverer) {
        info = gst_discoverer_discover_uri(discoverer, uri, &error);
        g_object_unref(discoverer);
    }
    g_free(uri);
    if (error) {
        *why = error->message;
        g_error_free(error);
    }
    if (info && gst_discoverer_info_get_result(info) == GST_DISCOVERER_ERROR) {
        gst_discoverer_info_unref(info);
        return nullptr;
    }
    return info;
}

void read_video(GstDiscovererVideoInfo* video, Media* media) {
    media->width = static_cast<int>(gst_discoverer_video_info_get_width(video));
    media->height = static_cast<int>(gst_discoverer_video_info_get_height(video));
    media->fps_n = static_cast<int>(gst_discoverer_video_info_get_framerate_num(video));
    media->fps_d = static_cast<int>(gst_discoverer_video_info_get_framerate_denom(video));
    media->interlaced = gst_discoverer_video_info_is_interlaced(video);
}

}  // namespace

guint64 Media::frames() const {
    if (fps_n <= 0 || fps_d <= 0 || !GST_CLOCK_TIME_IS_VALID(duration)) return 0;
    return gst_util_uint64_scale_round(duration, fps_n, fps_d * GST_SECOND);
}

std::string Media::describe() const {
    std::string text = std::to_string(width) + "x" + std::to_string(height);
    if (fps_n > 0) {
        gchar rate[32];
        g_snprintf(rate, sizeof rate, ", %.5g FPS", static_cast<double>(fps_n) / fps_d);
        text += rate;
    }
    if (frames()) text += ", about " + std::to_string(frames()) + " frames";
    return text + ", audio tracks: " + std::to_string(audio_tracks);
}

Media read_media(const std::string& path) {
    if (access(path.c_str(), R_OK) != 0) {
        throw Failure(ExitCode::kInput, path + ": " + g_strerror(errno));
    }
    std::string why = "not a video that the installed plugins can read";
    GstDiscovererInfo* info = discover(path, &why);
    if (!info) throw Failure(ExitCode::kInput, path + ": " + why);

    Media media;
    media.duration = gst_discoverer_info_get_duration(info);
    GList* videos = gst_discoverer_info_get_video_streams(info);
    if (videos) read_video(GST_DISCOVERER_VIDEO_INFO(videos->data), &media);
    gst_discoverer_stream_info_list_free(videos);
    GList* sounds = gst_discoverer_info_get_audio_streams(info);
    media.audio_tracks = static_cast<int>(g_list_length(sounds));
    gst_discoverer_stream_info_list_free(sounds);
    gst_discoverer_info_unref(info);
    if (media.width == 0) throw Failure(ExitCode::kInput, path + " has no video");
    if (media.interlaced) {
        throw Failure(ExitCode::kInput, path + " is interlaced; deinterlace it first");
    }
    return media;
}

}  // namespace upscale
