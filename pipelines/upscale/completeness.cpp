#include "pipelines/upscale/completeness.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace upscale {

namespace {

bool is(const AVFormatContext* file, const char* format) {
    return std::strncmp(file->iformat->name, format, std::strlen(format)) == 0;
}

std::string seconds(int64_t nanoseconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f s", static_cast<double>(nanoseconds) / 1e9);
    return text;
}

/// Nanoseconds of the file; 0: it says nothing.
int64_t announced_end(const AVFormatContext* file) {
    int64_t end = 0;
    // Some count from 0 and some from where the file starts: what both mean is announced.
    if (file->duration_estimation_method == AVFMT_DURATION_FROM_STREAM && file->duration > 0) {
        end = file->duration * 1000;
    }
    // libavformat makes the duration fit what is there of an AVI, not so the number of frames.
    for (unsigned i = 0; i < file->nb_streams; ++i) {
        const AVStream* stream = file->streams[i];
        const AVRational rate = stream->avg_frame_rate;
        if (is(file, "avi") && rate.num > 0) {
            end = std::max(end, av_rescale(stream->nb_frames, rate.den * kSecond, rate.num));
        }
    }
    return end;
}

}  // namespace

void Completeness::see(const AVFormatContext* file, const AVPacket* packet) {
    const size_t index = packet->stream_index;
    if (index >= tracks_.size()) tracks_.resize(index + 1);
    const AVStream* stream = file->streams[index];
    if (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) return;
    Track& track = tracks_[index];
    if (packet->dts != AV_NOPTS_VALUE) track.dts = packet->dts;
    // Frames that came in one packet of the container are told apart by their places.
    const bool begins = packet->pos >= 0;
    track.is_cut_short = packet->flags & AV_PKT_FLAG_CORRUPT || (track.is_cut_short && !begins);
    const int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (time != AV_NOPTS_VALUE) {
        end_ = std::max(end_, nanoseconds(time + packet->duration, stream->time_base));
    }
    if (packet->pos >= 0) last_byte_ = std::max(last_byte_, packet->pos + packet->size);
}

/// The index of mp4 and mov names every packet.
bool Completeness::lacks_indexed(const AVFormatContext* file) const {
    for (unsigned i = 0; i < file->nb_streams && i < tracks_.size(); ++i) {
        AVStream* stream = file->streams[i];
        const AVMediaType type = stream->codecpar->codec_type;
        const int count = avformat_index_get_entries_count(stream);
        const bool counts = (type == AVMEDIA_TYPE_VIDEO || type == AVMEDIA_TYPE_AUDIO) &&
                            !(stream->disposition & AV_DISPOSITION_ATTACHED_PIC);
        if (!counts || count == 0) continue;
        const AVIndexEntry* last = avformat_index_get_entry(stream, count - 1);
        if (last && tracks_[i].dts != AV_NOPTS_VALUE && tracks_[i].dts < last->timestamp) {
            return true;
        }
    }
    return false;
}

/// Others say how long they are.
bool Completeness::lacks_time(const AVFormatContext* file) const {
    constexpr int64_t kTolerance = 300'000'000;
    return end_ != INT64_MIN && end_ + kTolerance < announced_end(file);
}

bool Completeness::ends_within_packet(const AVFormatContext* file, int64_t size) const {
    if (is(file, "mpegts")) {
        const bool cut = std::any_of(tracks_.begin(), tracks_.end(),
                                     [](const Track& track) { return track.is_cut_short; });
        return cut || (size > 0 && size % 188 != 0 && size % 192 != 0 && size % 204 != 0);
    }
    constexpr int64_t kLongestHead = 80;  // of a frame of y4m
    return is(file, "yuv4mpegpipe") && avio_tell(file->pb) > last_byte_ + kLongestHead;
}

int64_t Completeness::gaps(const AVFormatContext* file) const {
    const bool untold =
        is(file, "matroska") || is(file, "flv") || is(file, "ogg") || is(file, "asf");
    return untold ? damages_ : 0;
}

std::string Completeness::missing(const AVFormatContext* file, int64_t size, int error) const {
    if (error) return "cannot be read to its end: " + libav_error(error);
    if (is(file, "mov") && lacks_indexed(file)) {
        return "ends early, after " + seconds(end_) +
               ": packets that its index names are not there";
    }
    if ((is(file, "matroska") || is(file, "avi") || is(file, "flv")) && lacks_time(file)) {
        return "ends early, after " + seconds(end_) + ": it says that it goes on to " +
               seconds(announced_end(file));
    }
    if (ends_within_packet(file, size)) return "ends in the middle of a frame or a packet";
    return {};
}

}  // namespace upscale
