// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/tracks.h"

#include <algorithm>
#include <cstring>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav_versions.h"
#include "pipelines/upscale/orientation.h"
#include "pipelines/upscale/tags.h"
#include "pipelines/upscale/time_code.h"
#include "pipelines/upscale/track_form.h"

namespace upscale {

namespace {

// Time codes travel as a tag of the video, of which the muxer makes the track anew.
bool is_time_code(const AVStream* stream) {
    return stream->codecpar->codec_tag == MKTAG('t', 'm', 'c', 'd');
}

// A DVD's menus or a station's programme: they speak of what is not in the file.
bool is_about_others(const AVStream* stream) {
    const AVCodecID id = stream->codecpar->codec_id;
    return id == AV_CODEC_ID_DVD_NAV || id == AV_CODEC_ID_EPG;
}

// mp4 and mov keep chapters as a text track besides; the muxer writes that anew.
bool is_chapter_text(const AVFormatContext* file, const AVStream* stream) {
    return file->nb_chapters > 0 && stream->codecpar->codec_type == AVMEDIA_TYPE_DATA &&
           stream->codecpar->codec_id == AV_CODEC_ID_BIN_DATA;
}

void copy_side_data(const AVStream* from, AVStream* to, AVPacketSideDataType type) {
    size_t size = 0;
    const uint8_t* data = stream_side_data(from, type, &size);
    uint8_t* copy = data ? add_stream_side_data(to, type, size) : nullptr;
    if (copy) std::memcpy(copy, data, size);
}

}  // namespace

void describe_video(const AVStream* from, AVStream* to, bool keep_rotation) {
    AVRational aspect = from->sample_aspect_ratio.num ? from->sample_aspect_ratio
                                                      : from->codecpar->sample_aspect_ratio;
    const auto orientation = orientation_of(from);
    if (orientation && orientation->turns_sides && !keep_rotation) aspect = av_inv_q(aspect);
    to->sample_aspect_ratio = to->codecpar->sample_aspect_ratio = aspect;
    to->avg_frame_rate = from->avg_frame_rate;
    to->r_frame_rate = from->r_frame_rate;
    to->disposition = from->disposition;
    for (const AVPacketSideDataType type :
         {AV_PKT_DATA_MASTERING_DISPLAY_METADATA, AV_PKT_DATA_CONTENT_LIGHT_LEVEL,
          AV_PKT_DATA_STEREO3D, AV_PKT_DATA_SPHERICAL}) {
        copy_side_data(from, to, type);
    }
    if (keep_rotation) copy_side_data(from, to, AV_PKT_DATA_DISPLAYMATRIX);
    av_dict_copy(&to->metadata, from->metadata, 0);
    drop_stale_tags(&to->metadata);
    for (const char* stale : {"encoder", "handler_name"}) {
        av_dict_set(&to->metadata, stale, nullptr, 0);
    }
}

Tracks::Tracks(const std::string& path, const std::string& name, bool with_sound)
    : input_(std::make_unique<ByteSource>(path, nullptr), name, "file:" + path),
      with_sound_(with_sound),
      waiting_(make_packet()) {}

void Tracks::declare(AVFormatContext* output, const Span& span, Report* report) {
    span_ = span;
    report_ = report;
    const std::string format = output->oformat->name;
    has_edit_lists_ = format == "mp4" || format == "mov";
    AVFormatContext* file = input_.file();
    targets_.clear();
    targets_.resize(file->nb_streams);
    for (unsigned i = 0; i < file->nb_streams; ++i) {
        if (file->streams[i] != input_.video()) add_track(output, file->streams[i], report);
    }
    av_dict_copy(&output->metadata, file->metadata, 0);
    drop_stale_tags(&output->metadata);
    for (const char* writer : {"encoder", "software"}) {  // of the file that was
        av_dict_set(&output->metadata, writer, nullptr, 0);
    }
    if (video()) copy_time_code(file, video(), span.zero, span.double_rate, output, report);
    fit_tags(output, report);
    copy_chapters(output);
    if (span.start > 0) input_.seek(span.start);
}

void Tracks::add_track(AVFormatContext* output, AVStream* stream, Report* report) {
    const AVCodecParameters* codec = stream->codecpar;
    const bool counted = av_dict_get(stream->metadata, "timecode", nullptr, 0);
    if ((is_time_code(stream) && counted) || is_chapter_text(input_.file(), stream)) return;
    if (is_about_others(stream)) return;
    if (codec->codec_type == AVMEDIA_TYPE_AUDIO && !with_sound_) return;
    if (codec->codec_type == AVMEDIA_TYPE_AUDIO && codec->sample_rate <= 0) {
        targets_[stream->index].unknown = true;  // which is a loss if there is any of it
        return;
    }
    if (codec->codec_type == AVMEDIA_TYPE_VIDEO && !is_cover(stream)) {
        report->loss("track", track_name(stream) + " is left out: one video is written");
        return;
    }
    const bool data = codec->codec_type == AVMEDIA_TYPE_DATA;
    if (data || !holds(output->oformat, stream)) {
        report->loss("track", track_name(stream) + " is left out: " + output->oformat->name +
                                  " does not hold it");
        return;
    }
    AVStream* copy = avformat_new_stream(output, nullptr);
    if (!copy) throw Failure(ExitCode::kFailed, "out of memory");
    copy_form(stream, output->oformat, copy);
    drop_stale_tags(&copy->metadata);
    if (copy->codecpar->codec_type == AVMEDIA_TYPE_ATTACHMENT) return;  // it is in the head
    Target& target = targets_[stream->index];
    target.stream = copy->index;
    target.codec = codec->codec_id;
    if (codec->codec_type == AVMEDIA_TYPE_AUDIO) target.times.emplace(stream);
}

void Tracks::copy_chapters(AVFormatContext* output) {
    const AVFormatContext* file = input_.file();
    if (file->nb_chapters == 0) return;
    output->chapters = static_cast<AVChapter**>(av_calloc(file->nb_chapters, sizeof(void*)));
    if (!output->chapters) return;
    for (unsigned i = 0; i < file->nb_chapters; ++i) {
        const AVChapter* chapter = file->chapters[i];
        const int64_t from = nanoseconds(chapter->start, chapter->time_base) - input_.origin();
        const int64_t to = nanoseconds(chapter->end, chapter->time_base) - input_.origin();
        if (to <= span_.start || from >= span_.end) continue;
        auto* copy = static_cast<AVChapter*>(av_mallocz(sizeof(AVChapter)));
        if (!copy) return;
        copy->id = chapter->id;
        copy->time_base = kNanoseconds;
        copy->start = std::max(from, span_.start) - span_.zero;
        copy->end = std::min(to, span_.end) - span_.zero;
        av_dict_copy(&copy->metadata, chapter->metadata, 0);
        output->chapters[output->nb_chapters++] = copy;
    }
}

// A track that appears while the file is read, or becomes another, has no place in the output.
bool Tracks::has_place(const AVPacket* packet) {
    const AVStream* stream = input_.file()->streams[packet->stream_index];
    const AVMediaType type = stream->codecpar->codec_type;
    const auto index = static_cast<size_t>(packet->stream_index);
    if (index < targets_.size()) {
        const Target& target = targets_[index];
        if (target.unknown) {
            report_->loss("track", track_name(stream) +
                                       " is left out: the beginning of the file does not tell what "
                                       "it is like");
            return false;
        }
        const bool same = stream->codecpar->codec_id == target.codec;
        if (target.stream < 0 || target.codec == AV_CODEC_ID_NONE || same) return true;
    }
    const bool sound = type == AVMEDIA_TYPE_AUDIO && with_sound_;
    if (sound || type == AVMEDIA_TYPE_VIDEO || type == AVMEDIA_TYPE_SUBTITLE) {
        report_->loss("track", track_name(stream) +
                                   " begins within the file and is left out: what is written has "
                                   "the tracks of the beginning");
    }
    return false;
}

bool Tracks::is_wanted(const AVPacket* packet) const {
    if (static_cast<size_t>(packet->stream_index) >= targets_.size() ||
        targets_[packet->stream_index].stream < 0) {
        return false;
    }
    const int64_t time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    // What an edit list hides leads decoders in; without one in the output it would be heard.
    constexpr int64_t kLeadIn = 80'000'000;
    const bool hidden = packet->flags & AV_PKT_FLAG_DISCARD && !has_edit_lists_;
    if (hidden && time < -kLeadIn) return false;
    return belongs_to_cover(packet) || time == AV_NOPTS_VALUE ||
           (time >= span_.start && time < span_.end);
}

bool Tracks::belongs_to_cover(const AVPacket* packet) const {
    return is_cover(input_.file()->streams[packet->stream_index]);
}

// The next packet that is to be copied waits in `waiting_`. False: there is none any more.
bool Tracks::fetch() {
    constexpr int64_t kDisorder = 10'000'000'000;      // between the tracks of a file
    if (has_waiting_ && !is_wanted(waiting_.get())) {  // set_end() came
        av_packet_unref(waiting_.get());
        has_waiting_ = false;
    }
    while (!has_waiting_) {
        if (!input_.read(waiting_.get())) return false;
        has_waiting_ = has_place(waiting_.get()) && is_wanted(waiting_.get());
        if (has_waiting_) break;
        const bool past = waiting_->dts != AV_NOPTS_VALUE && waiting_->dts - kDisorder > span_.end;
        av_packet_unref(waiting_.get());
        if (past) return false;
    }
    return true;
}

void Tracks::copy_until(PacketWriter* output, int64_t time) {
    while (fetch()) {
        const int64_t due = waiting_->dts != AV_NOPTS_VALUE ? waiting_->dts : waiting_->pts;
        if (due != AV_NOPTS_VALUE && due >= time) return;
        send(output);
    }
}

// In the output's time base; the times of decoding rise, or are the same where the format allows
// it. A packet that had to be moved moves no other. False: nothing of the packet is left: it is
// hidden by an edit list and has no time, or it is sound of after the end.
bool Tracks::set_times(AVPacket* packet, const AVFormatContext* output, Target* target) const {
    const AVStream* to = output->streams[target->stream];
    if (!belongs_to_cover(packet)) {
        if (target->times) {
            target->times->refine(packet, to->time_base);
            const AVStream* track = input_.file()->streams[packet->stream_index];
            if (has_edit_lists_) leave_out_padding(track, packet);
            cut_sound(track, span_.end, packet);
            if (packet->size == 0) return false;
        }
        if (packet->pts != AV_NOPTS_VALUE) packet->pts -= span_.zero;
        if (packet->dts != AV_NOPTS_VALUE) packet->dts -= span_.zero;
    }
    av_packet_rescale_ts(packet, kNanoseconds, to->time_base);
    if (packet->duration > INT32_MAX) packet->duration = 0;  // a subtitle's "until the next"
    if (packet->dts == AV_NOPTS_VALUE) packet->dts = packet->pts;
    if (packet->dts == AV_NOPTS_VALUE) return true;
    const bool may_repeat = output->oformat->flags & AVFMT_TS_NONSTRICT;
    const int64_t earliest =
        target->last_dts == INT64_MIN ? INT64_MIN : target->last_dts + (may_repeat ? 0 : 1);
    if (packet->dts < earliest) {
        if (packet->flags & AV_PKT_FLAG_DISCARD) return false;
        packet->dts = earliest;
    }
    if (packet->pts != AV_NOPTS_VALUE) packet->pts = std::max(packet->pts, packet->dts);
    target->last_dts = packet->dts;
    return true;
}

void Tracks::send(PacketWriter* output) {
    Target& target = targets_[waiting_->stream_index];
    has_waiting_ = false;
    if (!set_times(waiting_.get(), output->output(), &target)) {
        av_packet_unref(waiting_.get());
        return;
    }
    waiting_->stream_index = target.stream;
    waiting_->pos = -1;
    output->write(waiting_.get());
}

void Tracks::report_losses(const PacketWriter& output) const {
    for (size_t i = 0; i < targets_.size(); ++i) {
        if (targets_[i].stream < 0) continue;
        if (input_.changed().count(static_cast<int>(i))) {
            report_->loss("packets",
                          track_name(input_.file()->streams[i]) +
                              " is coded otherwise from somewhere on, and is left out there");
        }
        const PacketWriter::Refused& refused = output.refused(targets_[i].stream);
        if (refused.packets == 0) continue;
        report_->loss("packets", track_name(input_.file()->streams[i]) + ": " +
                                     count_is(refused.packets, "packet") +
                                     " left out: " + libav_error(refused.error));
    }
}

}  // namespace upscale
