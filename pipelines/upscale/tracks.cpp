#include "pipelines/upscale/tracks.h"

#include <algorithm>
#include <cstring>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

std::string kind(const AVStream* stream) {
    const char* type = av_get_media_type_string(stream->codecpar->codec_type);
    return std::string(type ? type : "data") + " track " + std::to_string(stream->index) + " (" +
           avcodec_get_name(stream->codecpar->codec_id) + ")";
}

/// Time codes travel as a tag of the video, of which the muxer makes the track anew.
bool is_time_code(const AVStream* stream) {
    return stream->codecpar->codec_tag == MKTAG('t', 'm', 'c', 'd');
}

/// mp4 and mov keep chapters as a text track besides; the muxer writes that anew.
bool is_chapter_text(const AVFormatContext* file, const AVStream* stream) {
    return file->nb_chapters > 0 && stream->codecpar->codec_type == AVMEDIA_TYPE_DATA &&
           stream->codecpar->codec_id == AV_CODEC_ID_BIN_DATA;
}

/// A code that means this codec in one container may mean nothing in another.
void keep_fitting_tag(const AVOutputFormat* format, AVCodecParameters* codec) {
    if (!format->codec_tag ||
        av_codec_get_id(format->codec_tag, codec->codec_tag) != codec->codec_id) {
        codec->codec_tag = 0;
    }
}

/// Has the muxer write the head of a file with this track alone: what it says about itself
/// (avformat_query_codec) is not all that it asks for.
bool holds(const AVOutputFormat* format, const AVStream* stream) {
    AVFormatContext* trial = nullptr;
    if (avformat_alloc_output_context2(&trial, format, nullptr, nullptr) < 0) return false;
    trial->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    AVStream* copy = avformat_new_stream(trial, nullptr);
    bool good = copy && avcodec_parameters_copy(copy->codecpar, stream->codecpar) >= 0 &&
                avio_open_dyn_buf(&trial->pb) >= 0;
    if (good) {
        keep_fitting_tag(format, copy->codecpar);
        copy->time_base = stream->time_base;
        av_dict_copy(&copy->metadata, stream->metadata, 0);
        good = avformat_write_header(trial, nullptr) >= 0;
        uint8_t* bytes = nullptr;
        avio_close_dyn_buf(trial->pb, &bytes);
        av_free(bytes);
    }
    avformat_free_context(trial);
    return good;
}

void copy_side_data(const AVStream* from, AVStream* to) {
    constexpr AVPacketSideDataType kPassed[] = {
        AV_PKT_DATA_DISPLAYMATRIX, AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
        AV_PKT_DATA_CONTENT_LIGHT_LEVEL, AV_PKT_DATA_STEREO3D, AV_PKT_DATA_SPHERICAL};
    for (const AVPacketSideDataType type : kPassed) {
        size_t size = 0;
        const uint8_t* data = av_stream_get_side_data(from, type, &size);
        uint8_t* copy = data ? av_stream_new_side_data(to, type, size) : nullptr;
        if (copy) std::memcpy(copy, data, size);
    }
}

}  // namespace

void describe_video(const AVStream* from, AVStream* to) {
    AVCodecParameters* colour = to->codecpar;
    colour->color_range = from->codecpar->color_range;
    colour->color_primaries = from->codecpar->color_primaries;
    colour->color_trc = from->codecpar->color_trc;
    colour->color_space = from->codecpar->color_space;
    colour->chroma_location = from->codecpar->chroma_location;
    const AVRational aspect = from->sample_aspect_ratio.num ? from->sample_aspect_ratio
                                                            : from->codecpar->sample_aspect_ratio;
    to->sample_aspect_ratio = colour->sample_aspect_ratio = aspect;
    to->avg_frame_rate = from->avg_frame_rate;
    to->r_frame_rate = from->r_frame_rate;
    to->disposition = from->disposition;
    copy_side_data(from, to);
    av_dict_copy(&to->metadata, from->metadata, 0);
    for (const char* stale : {"encoder", "handler_name", "vendor_id", "BPS", "NUMBER_OF_BYTES"}) {
        av_dict_set(&to->metadata, stale, nullptr, 0);
    }
}

Tracks::Tracks(const std::string& path, const std::string& name, bool with_sound)
    : file_(open_input(path, name)),
      video_(main_video(file_.get())),
      with_sound_(with_sound),
      waiting_(av_packet_alloc()) {
    if (video_ && video_->start_time != AV_NOPTS_VALUE) {
        video_start_ = nanoseconds(video_->start_time, video_->time_base);
    }
    if (file_->iformat->flags & AVFMT_TS_DISCONT && file_->start_time != AV_NOPTS_VALUE) {
        natural_zero_ = nanoseconds(file_->start_time, AV_TIME_BASE_Q);
    }
}

void Tracks::declare(AVFormatContext* output, const Span& span, Report* report) {
    span_ = span;
    target_.assign(file_->nb_streams, -1);
    for (unsigned i = 0; i < file_->nb_streams; ++i) {
        AVStream* stream = file_->streams[i];
        if (stream != video_) add_track(output, stream, report);
        if (target_[i] < 0) stream->discard = AVDISCARD_ALL;
    }
    av_dict_copy(&output->metadata, file_->metadata, 0);
    for (const char* stale : {"encoder", "major_brand", "minor_version", "compatible_brands"}) {
        av_dict_set(&output->metadata, stale, nullptr, 0);
    }
    copy_chapters(output);
    if (span.start > 0) {
        avformat_seek_file(file_.get(), -1, INT64_MIN, span.start / 1000, span.start / 1000, 0);
    }
}

void Tracks::add_track(AVFormatContext* output, AVStream* stream, Report* report) {
    const AVCodecParameters* codec = stream->codecpar;
    if (is_time_code(stream) || is_chapter_text(file_.get(), stream)) return;
    if (codec->codec_type == AVMEDIA_TYPE_AUDIO && !with_sound_) return;
    const bool data = codec->codec_type == AVMEDIA_TYPE_DATA;
    if (data || !holds(output->oformat, stream)) {
        report->loss("track",
                     kind(stream) + " is left out: " + output->oformat->name + " does not hold it");
        return;
    }
    AVStream* copy = avformat_new_stream(output, nullptr);
    if (!copy || avcodec_parameters_copy(copy->codecpar, codec) < 0) {
        throw Failure(ExitCode::kFailed, "out of memory");
    }
    keep_fitting_tag(output->oformat, copy->codecpar);
    copy->time_base = stream->time_base;
    copy->disposition = stream->disposition;
    copy->avg_frame_rate = stream->avg_frame_rate;
    av_dict_copy(&copy->metadata, stream->metadata, 0);
    target_[stream->index] = copy->index;
}

void Tracks::copy_chapters(AVFormatContext* output) {
    if (file_->nb_chapters == 0) return;
    output->chapters = static_cast<AVChapter**>(av_calloc(file_->nb_chapters, sizeof(void*)));
    if (!output->chapters) return;
    for (unsigned i = 0; i < file_->nb_chapters; ++i) {
        const AVChapter* chapter = file_->chapters[i];
        const int64_t from = nanoseconds(chapter->start, chapter->time_base);
        const int64_t to = nanoseconds(chapter->end, chapter->time_base);
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

int64_t Tracks::time_of(const AVPacket* packet, int64_t ticks) const {
    return nanoseconds(ticks, file_->streams[packet->stream_index]->time_base);
}

bool Tracks::wanted(const AVPacket* packet) const {
    // A stream that appears while the file is read has no place in the output.
    if (static_cast<size_t>(packet->stream_index) >= target_.size() ||
        target_[packet->stream_index] < 0) {
        return false;
    }
    const bool cover =
        file_->streams[packet->stream_index]->disposition & AV_DISPOSITION_ATTACHED_PIC;
    const int64_t ticks = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (cover || ticks == AV_NOPTS_VALUE) return true;
    const int64_t time = time_of(packet, ticks);
    return time >= span_.start && time < span_.end;
}

/// The next packet that is to be copied waits in `waiting_`. False: there is none any more.
bool Tracks::fetch() {
    constexpr int64_t kDisorder = 10'000'000'000;   // between the tracks of a file
    if (has_waiting_ && !wanted(waiting_.get())) {  // set_end() came
        av_packet_unref(waiting_.get());
        has_waiting_ = false;
    }
    while (!has_waiting_) {
        if (av_read_frame(file_.get(), waiting_.get()) < 0) return false;
        has_waiting_ = wanted(waiting_.get());
        if (has_waiting_) break;
        const bool past = waiting_->dts != AV_NOPTS_VALUE &&
                          time_of(waiting_.get(), waiting_->dts) - kDisorder > span_.end;
        av_packet_unref(waiting_.get());
        if (past) return false;
    }
    return true;
}

void Tracks::copy_until(AVFormatContext* output, int64_t time) {
    while (fetch()) {
        const int64_t ticks = waiting_->dts != AV_NOPTS_VALUE ? waiting_->dts : waiting_->pts;
        if (ticks != AV_NOPTS_VALUE && time_of(waiting_.get(), ticks) >= time) return;
        send(output);
    }
}

void Tracks::send(AVFormatContext* output) {
    const AVStream* from = file_->streams[waiting_->stream_index];
    const AVStream* to = output->streams[target_[waiting_->stream_index]];
    const bool cover = from->disposition & AV_DISPOSITION_ATTACHED_PIC;
    const int64_t shift = cover ? 0 : av_rescale_q(span_.zero, kNanoseconds, from->time_base);
    if (waiting_->pts != AV_NOPTS_VALUE) waiting_->pts -= shift;
    if (waiting_->dts != AV_NOPTS_VALUE) waiting_->dts -= shift;
    av_packet_rescale_ts(waiting_.get(), from->time_base, to->time_base);
    waiting_->stream_index = to->index;
    waiting_->pos = -1;
    has_waiting_ = false;
    const int status = av_interleaved_write_frame(output, waiting_.get());
    if (status < 0) throw Failure(ExitCode::kFailed, "writing a track: " + libav_error(status));
}

}  // namespace upscale
