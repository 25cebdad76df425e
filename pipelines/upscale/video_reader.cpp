// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/video_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav_versions.h"
#include "pipelines/upscale/pages.h"
#include "pipelines/upscale/text.h"

namespace upscale {

namespace {

AVRational rate_of(AVFormatContext* file, AVStream* video) {
    for (const AVRational rate :
         {video->avg_frame_rate, av_guess_frame_rate(file, video, nullptr), video->r_frame_rate}) {
        if (rate.num > 0 && rate.den > 0) return rate;
    }
    return {25, 1};
}

std::string reason(int error) { return error ? ": " + libav_error(error) : ""; }

const char* hint(AVCodecID codec) {
    return codec == AV_CODEC_ID_WEBP ? "; this version of FFmpeg reads no animated WebP" : "";
}

// By what it holds; by its name where it has no mark of its own (TGA).
std::unique_ptr<Demuxer> open_image(const std::string& path, const std::string& name,
                                    const Stop* stop) {
    try {
        return std::make_unique<Demuxer>(std::make_unique<ByteSource>(path, stop), name, "");
    } catch (const Failure&) {
        return std::make_unique<Demuxer>(std::make_unique<ByteSource>(path, stop), name,
                                         "file:" + path);
    }
}

}  // namespace

std::unique_ptr<Demuxer> open_demuxer(const Source& source, const Stop* stop) {
    if (source.kind() == Source::Kind::kPipe) {
        const int copy = fcntl(source.pipe(), F_DUPFD_CLOEXEC, 0);
        return std::make_unique<Demuxer>(std::make_unique<ByteSource>(copy, source.head(), stop),
                                         source.name(), "");
    }
    if (source.kind() == Source::Kind::kImages)
        return open_image(source.path(), source.name(), stop);
    return std::make_unique<Demuxer>(std::make_unique<ByteSource>(source.path(), stop),
                                     source.name(), "file:" + source.path());
}

VideoReader::VideoReader(const Source& source, const ReadPlan& plan, const Stop* stop,
                         Report* report)
    : plan_(plan), stop_(stop), report_(report), name_(source.name()), images_(source.images()) {
    if (source.kind() == Source::Kind::kImages) {
        rate_ = plan.image_rate;
        image_ = av_rescale(plan.begin, rate_.num, rate_.den * kSecond);
    } else {
        open_file(source);
    }
    times_ = std::make_unique<FrameTimes>(rate_);
    deinterlaces_ =
        plan.deinterlace == Deinterlace::kFrame || plan.deinterlace == Deinterlace::kField;
    if (plan.deinterlace == Deinterlace::kField) rate_.num *= 2;
    if (demuxer_) go_to_begin();
}

VideoReader::~VideoReader() = default;

void VideoReader::open_file(const Source& source) {
    demuxer_ = open_demuxer(source, stop_);
    AVStream* video = demuxer_->video();
    if (!video) throw Failure(ExitCode::kInput, name_ + " has no video");
    decoder_ = std::make_unique<Decoder>(video, name_);
    orientation_ = orientation_of(video);
    rate_ = rate_of(demuxer_->file(), video);
    // libavformat counts the pictures of a bare Dirac stream in a unit that is none of time.
    const bool bare = std::string(demuxer_->file()->iformat->name) == "dirac";
    untimed_ = bare || video->start_time == AV_NOPTS_VALUE;
}

void VideoReader::go_to_begin() {
    if (plan_.begin <= kSecond) return;
    demuxer_->seek_video(plan_.begin, plan_.steady);
}

Frame VideoReader::next() {
    while (ready_.empty() && !is_stopped() && read_more()) {
    }
    if (ready_.empty() || is_stopped()) return nullptr;
    Frame frame = std::move(ready_.front());
    ready_.pop_front();
    return frame;
}

// False: there is nothing any more.
bool VideoReader::read_more() {
    if (ended_) return false;
    if (!(demuxer_ ? read_packet() : read_image())) {
        ended_ = true;
        times_->flush();
    }
    while (Frame frame = times_->pop()) deliver(std::move(frame));
    if (ended_) end_filter();
    return true;
}

bool VideoReader::read_packet() {
    const Packet packet = make_packet();
    do {
        av_packet_unref(packet.get());
        if (!demuxer_->read(packet.get())) {
            decoder_->send(nullptr);
            drain();
            return false;
        }
    } while (packet->stream_index != demuxer_->video()->index);
    decoder_->send(packet.get());
    drain();
    return true;
}

void VideoReader::drain() {
    while (Frame frame = decoder_->receive()) take(std::move(frame));
}

void VideoReader::take(Frame frame) {
    AVStream* video = demuxer_->video();
    frame->sample_aspect_ratio = av_guess_sample_aspect_ratio(demuxer_->file(), video, frame.get());
    if (untimed_) frame->pts = AV_NOPTS_VALUE;
    times_->push(std::move(frame));
}

// False: there are no more images.
bool VideoReader::read_image() {
    if (image_ >= images_.size()) return false;
    const std::string& path = images_[image_];
    Frame frame;
    try {
        frame = decode_image(path);
    } catch (const Failure& failure) {
        throw Failure(image_ == 0 ? failure.code() : ExitCode::kFailed, failure.what());
    }
    const auto time = [this](size_t image) {
        return av_rescale(static_cast<int64_t>(image), plan_.image_rate.den * kSecond,
                          plan_.image_rate.num);
    };
    frame->pts = time(image_);
    set_duration(frame.get(), time(image_ + 1) - time(image_));
    ++image_;
    times_->push(std::move(frame));
    return true;
}

// Each image has a demuxer and a decoder of its own.
Frame VideoReader::decode_image(const std::string& path) const {
    const std::unique_ptr<Demuxer> demuxer = open_image(path, path, stop_);
    if (!demuxer->video()) throw Failure(ExitCode::kInput, path + ": no picture");
    Decoder decoder(demuxer->video(), path, true);
    const Packet packet = make_packet();
    Frame frame;
    while (!frame && demuxer->read(packet.get())) {
        if (packet->stream_index == demuxer->video()->index) decoder.send(packet.get());
        av_packet_unref(packet.get());
        frame = decoder.receive();
    }
    if (!frame) {
        decoder.send(nullptr);
        frame = decoder.receive();
    }
    if (!frame) {
        throw Failure(ExitCode::kInput, path + " cannot be decoded" + reason(decoder.error()));
    }
    if (decoder.damaged()) report_->loss("undecodable", path + " is damaged");
    if (has_more_pages(path)) {
        report_->loss("pages", path + " holds several pictures; only the first is taken");
    }
    return frame;
}

std::string VideoReader::filter_for(const AVFrame* frame) {
    if (plan_.deinterlace == Deinterlace::kAuto && is_interlaced(frame)) deinterlaces_ = true;
    std::string filter;
    const auto add = [&filter](const std::string& part) {
        if (!part.empty()) filter += (filter.empty() ? "" : ",") + part;
    };
    if (deinterlaces_) {
        add(std::string("bwdif=mode=") +
            (plan_.deinterlace == Deinterlace::kField ? "send_field" : "send_frame") +
            ":deint=" + (plan_.deinterlace == Deinterlace::kAuto ? "interlaced" : "all"));
    }
    Orientation orientation = orientation_ ? *orientation_ : orientation_of(frame);
    if (orientation_ && !plan_.upright) orientation = {};
    if (!orientation.is_exact) {
        report_->loss("rotation",
                      name_ + ": a rotation by another angle than 90 degrees is left out");
    }
    add(orientation.filter);
    const int width = orientation.turns_sides ? frame->height : frame->width;
    const int height = orientation.turns_sides ? frame->width : frame->height;
    add(fitted(width, height));
    return filter;
}

// Into the size of the first frame, with black beside it.
std::string VideoReader::fitted(int width, int height) {
    if (width_ == 0) {
        width_ = width;
        height_ = height;
    }
    if (!plan_.one_size || (width == width_ && height == height_)) return {};
    const std::string first = std::to_string(width_) + ":" + std::to_string(height_);
    report_->loss("size", name_ + ": pictures of " + size_text(width, height) +
                              " are fitted into the first one's " + size_text(width_, height_));
    return "scale=" + first + ":force_original_aspect_ratio=decrease:flags=bicubic+accurate_rnd" +
           ",pad=" + first + ":-1:-1,setsar=1";
}

void VideoReader::deliver(Frame frame) {
    const std::string wanted = filter_for(frame.get());
    if (filter_ && (filter_->description() != wanted || !filter_->takes(frame.get()))) end_filter();
    if (wanted.empty()) {
        ready_.push_back(std::move(frame));
        return;
    }
    if (!filter_) filter_ = std::make_unique<Filter>(wanted, frame.get());
    filter_->push(std::move(frame));
    pull_filtered();
}

void VideoReader::pull_filtered() {
    while (Frame frame = filter_->pull()) {
        // Filters of some versions hand on the duration in units of their own.
        if (deinterlaces_) set_duration(frame.get(), av_rescale(kSecond, rate_.den, rate_.num));
        ready_.push_back(std::move(frame));
    }
}

void VideoReader::end_filter() {
    if (!filter_) return;
    filter_->push(nullptr);
    pull_filtered();
    filter_.reset();
}

void VideoReader::report_losses() const {
    if (!decoder_ || is_stopped()) return;
    if (decoder_->decoded() == 0) {
        throw Failure(ExitCode::kInput,
                      name_ + ": its video (" +
                          avcodec_get_name(demuxer_->video()->codecpar->codec_id) +
                          ") cannot be decoded" + reason(decoder_->error()) +
                          hint(demuxer_->video()->codecpar->codec_id));
    }
    const std::string missing = ended_ ? demuxer_->missing() : "";
    const bool has_gaps = demuxer_->gaps() > 0;
    const int64_t failed = decoder_->failed(), damaged = decoder_->damaged();
    if (!missing.empty()) report_->loss("truncated", name_ + " " + missing);
    if (has_gaps) {
        report_->loss("truncated", name_ + " is damaged within: what lay there cannot be read");
    }
    if (demuxer_->changed().count(demuxer_->video()->index)) {
        report_->loss(
            "undecodable",
            name_ + ": its video is coded otherwise from somewhere on, and is left out there");
    }
    if (failed > 0) {
        report_->loss("undecodable", name_ + ": " + "of its video " + count_is(failed, "packet") +
                                         " left out that cannot be decoded");
    }
    if (damaged > 0) {
        report_->loss("undecodable", name_ + ": " + count_is(damaged, "frame") + " damaged");
    }
    const int64_t skipped = times_->skipped();
    if (skipped > 0 && (!missing.empty() || has_gaps || failed > 0 || damaged > 0)) {
        report_->loss("truncated",
                      name_ + ": by its times " + count_is(skipped, "frame") + " missing");
    }
}

}  // namespace upscale
