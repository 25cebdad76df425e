// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/completeness.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "pipelines/upscale/asf.h"
#include "pipelines/upscale/transport.h"

namespace upscale {

namespace {

constexpr int64_t kJump = 10 * kSecond;
// Packets. A parser hands a packet's flags on with one before it.
constexpr int64_t kNearJoin = 5;

bool is(const AVFormatContext* file, const char* format) {
    return std::strncmp(file->iformat->name, format, std::strlen(format)) == 0;
}

std::string seconds(int64_t nanoseconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f s", static_cast<double>(nanoseconds) / 1e9);
    return text;
}

// Nanoseconds of the file; 0: it says nothing.
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

// But for zeros behind it. True of a pipe.
bool ends_with(const ByteSource& bytes, uint8_t mark) {
    uint8_t end[64];
    const int64_t from = std::max<int64_t>(0, bytes.size() - static_cast<int64_t>(sizeof end));
    size_t count = bytes.peek(from, end, sizeof end);
    while (count > 0 && end[count - 1] == 0) --count;
    return count == 0 || end[count - 1] == mark;
}

}  // namespace

void Completeness::see_seek() {
    is_whole_ = false;
    for (Track& track : tracks_) track = {};
}

void Completeness::see(const AVFormatContext* file, const AVPacket* packet) {
    const size_t index = packet->stream_index;
    if (index >= tracks_.size()) tracks_.resize(index + 1);
    const AVStream* stream = file->streams[index];
    if (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) return;
    Track& track = tracks_[index];
    // Where streams were joined, the counters of their packets do not go on.
    const bool jumps = packet->dts != AV_NOPTS_VALUE && track.dts != AV_NOPTS_VALUE &&
                       (packet->dts < track.dts ||
                        nanoseconds(packet->dts - track.dts, stream->time_base) > kJump);
    if (packet->dts != AV_NOPTS_VALUE) track.dts = packet->dts;
    ++track.packets;
    track.bytes += packet->size;
    // Frames that came in one packet of the container are told apart by their places.
    const bool begins = packet->pos >= 0;
    ++track.since;
    if (begins && track.is_cut_short) {
        ++track.doubtful;
        track.since = 0;
    }
    if (jumps) track.doubtful = 0;
    if (track.since > kNearJoin) track.cut_short += std::exchange(track.doubtful, 0);
    track.is_cut_short = packet->flags & AV_PKT_FLAG_CORRUPT || (track.is_cut_short && !begins);
    const int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (time != AV_NOPTS_VALUE) {
        end_ = std::max(end_, nanoseconds(time + packet->duration, stream->time_base));
    }
    if (packet->pos >= 0) {
        last_byte_ = std::max(last_byte_, packet->pos + packet->size);
        last_packet_ = std::max(last_packet_, packet->pos);
    }
}

// The index of mp4 and mov names every packet.
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

// So does the index of AVI, but its packets are looked for one after the other. Sound is packed
// anew: of that its bytes are counted.
int64_t Completeness::lacks_chunks(const AVFormatContext* file) const {
    int64_t lacking = 0;
    for (unsigned i = 0; is_whole_ && i < file->nb_streams && i < tracks_.size(); ++i) {
        AVStream* stream = file->streams[i];
        int64_t chunks = 0, bytes = 0, largest = 0;
        for (int k = 0; k < avformat_index_get_entries_count(stream); ++k) {
            const AVIndexEntry* entry = avformat_index_get_entry(stream, k);
            chunks += entry->size > 0;
            bytes += entry->size;
            largest = std::max<int64_t>(largest, entry->size);
        }
        const AVMediaType type = stream->codecpar->codec_type;
        const bool video = type == AVMEDIA_TYPE_VIDEO;
        const bool lacks = video ? tracks_[i].packets < chunks : tracks_[i].bytes + largest < bytes;
        if (lacks && (video || type == AVMEDIA_TYPE_AUDIO)) {
            lacking += std::max<int64_t>(1, video ? chunks - tracks_[i].packets : 0);
        }
    }
    return lacking;
}

// Others say how long they are.
bool Completeness::lacks_time(const AVFormatContext* file) const {
    constexpr int64_t kTolerance = 300'000'000;
    return end_ != INT64_MIN && end_ + kTolerance < announced_end(file);
}

bool Completeness::ends_within_packet(const AVFormatContext* file, const ByteSource& bytes) const {
    if (is(file, "mpegts")) {
        const bool cut = std::any_of(tracks_.begin(), tracks_.end(),
                                     [](const Track& track) { return track.is_cut_short; });
        return cut || ends_within_transport_packet(bytes, last_packet_);
    }
    if (is(file, "gif")) return !ends_with(bytes, ';');
    constexpr int64_t kLongestHead = 80;  // of a frame of y4m
    return is(file, "yuv4mpegpipe") && avio_tell(file->pb) > last_byte_ + kLongestHead;
}

int64_t Completeness::gaps(const AVFormatContext* file) const {
    int64_t cut_short = 0;
    for (const Track& track : tracks_) cut_short += track.cut_short + track.doubtful;
    const bool untold = is(file, "matroska") || is(file, "flv") || is(file, "ogg") ||
                        is(file, "asf") || is(file, "gif");
    return untold ? damages_ : is(file, "mpegts") ? cut_short : 0;
}

std::string Completeness::missing(const AVFormatContext* file, const ByteSource& bytes,
                                  int error) const {
    if (error) return "cannot be read to its end: " + libav_error(error);
    if (is(file, "mov") && lacks_indexed(file)) {
        return "ends early, after " + seconds(end_) +
               ": packets that its index names are not there";
    }
    const bool says_length = is(file, "matroska") || is(file, "avi") || is(file, "flv") ||
                             is(file, "asf") || is(file, "nut") || is(file, "ivf");
    if (says_length && lacks_time(file)) {
        return "ends early, after " + seconds(end_) + ": it says that it goes on to " +
               seconds(announced_end(file));
    }
    if (is(file, "asf") && ends_within_asf_packets(bytes)) {
        return "ends early, after " + seconds(end_) + ": its header announces more packets";
    }
    const int64_t chunks = is(file, "avi") ? lacks_chunks(file) : 0;
    if (chunks > 0) {
        return "is damaged within: " + count_is(chunks, "packet") +
               " not there that its index names";
    }
    if (ends_within_packet(file, bytes)) return "ends in the middle of a frame or a packet";
    return {};
}

}  // namespace upscale
