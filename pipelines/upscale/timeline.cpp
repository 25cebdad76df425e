// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/timeline.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "pipelines/upscale/libav_versions.h"

namespace upscale {

namespace {

constexpr int64_t kMillisecond = 1'000'000;

// Farther ahead than this nothing goes on, in containers whose clock may jump.
constexpr int64_t kLongestGap = 10 * kSecond;
// Disorder within a track that is not a jump.
constexpr int64_t kDisorder = 100 * kMillisecond;
// A jump back in a container whose clock should not jump.
constexpr int64_t kFarBack = 10 * kSecond;

// The time of the first packet to be shown; transport streams begin anywhere.
int64_t origin_of(const AVFormatContext* file, const AVStream* video) {
    if (!(file->iformat->flags & AVFMT_TS_DISCONT)) {
        const bool timed = video && video->start_time != AV_NOPTS_VALUE;
        // Buffers of GStreamer have no times before 0.
        return timed ? std::min<int64_t>(0, nanoseconds(video->start_time, video->time_base)) : 0;
    }
    if (file->start_time == AV_NOPTS_VALUE) return 0;
    const int64_t start = file->start_time * 1000;  // of microseconds: the track's own is finer
    for (unsigned i = 0; i < file->nb_streams; ++i) {
        const AVStream* stream = file->streams[i];
        if (stream->start_time == AV_NOPTS_VALUE) continue;
        const int64_t time = nanoseconds(stream->start_time, stream->time_base);
        if (std::llabs(time - start) <= 1000) return time;
    }
    return start;
}

int64_t usual_duration(const AVStream* stream) {
    const AVRational rate = stream->avg_frame_rate;
    return rate.num > 0 && rate.den > 0 ? av_rescale(kSecond, rate.den, rate.num) : 0;
}

}  // namespace

Timeline::Timeline(const AVFormatContext* file, const AVStream* video)
    : file_(file),
      video_(video),
      may_jump_ahead_(file->iformat->flags & AVFMT_TS_DISCONT),
      origin_(origin_of(file, video)),
      tracks_(file->nb_streams) {}

void Timeline::forget_position() {
    std::fill(tracks_.begin(), tracks_.end(), Track{});
    clock_ = INT64_MIN;
}

const AVStream* Timeline::stream_of(const AVPacket* packet) const {
    return file_->streams[packet->stream_index];
}

// Subtitles and data come when they come; sound and video go on. What an edit list hides lies
// behind what it shows.
bool Timeline::is_continuous(const AVPacket* packet) const {
    if (packet->flags & AV_PKT_FLAG_DISCARD) return false;
    const AVStream* stream = stream_of(packet);
    const AVMediaType type = stream->codecpar->codec_type;
    return (type == AVMEDIA_TYPE_AUDIO || type == AVMEDIA_TYPE_VIDEO) &&
           !(stream->disposition & AV_DISPOSITION_ATTACHED_PIC);
}

// False: the packet has no time.
bool Timeline::times_of(const AVPacket* packet, Times* times) const {
    const int64_t dts = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
    if (dts == AV_NOPTS_VALUE) return false;
    const AVStream* stream = stream_of(packet);
    const int64_t pts = packet->pts != AV_NOPTS_VALUE ? packet->pts : dts;
    times->dts = nanoseconds(dts, stream->time_base) - origin_;
    times->pts = nanoseconds(pts, stream->time_base) - origin_;
    times->duration = packet->duration > 0 ? nanoseconds(packet->duration, stream->time_base)
                                           : usual_duration(stream);
    return true;
}

bool Timeline::continues(const Track& track, int64_t dts) const {
    if (dts < track.dts - (may_jump_ahead_ ? kDisorder : kFarBack)) return false;
    return !may_jump_ahead_ || dts <= std::max(clock_, track.end_dts) + kLongestGap;
}

// The piece in which the packet is nearest to where its track is; a track that is not there yet,
// or that comes and goes, is where the others are.
size_t Timeline::nearest_piece(const Track& track, int64_t dts, bool continuous) const {
    if (clock_ == INT64_MIN) return shifts_.size() - 1;
    const int64_t expected = track.seen && continuous ? track.end_dts : clock_;
    size_t best = track.piece;
    for (size_t piece = track.piece; piece < shifts_.size(); ++piece) {
        const auto distance = [&](size_t i) { return std::llabs(dts + shifts_[i] - expected); };
        if (distance(piece) < distance(best)) best = piece;
    }
    return best;
}

bool Timeline::is_new_piece(const AVPacket* packet) const {
    Times times{};
    if (static_cast<size_t>(packet->stream_index) >= tracks_.size()) return false;
    const Track& track = tracks_[packet->stream_index];
    if (!track.seen || !is_continuous(packet) || !times_of(packet, &times)) return false;
    return !continues(track, times.dts + shifts_[nearest_piece(track, times.dts, true)]);
}

int64_t Timeline::shift_behind(const Track& track, const Times& times) {
    return std::max(track.end_dts - times.dts, track.end_pts - times.pts);
}

// The rest of the old piece's video may come before it.
std::optional<int64_t> Timeline::video_shift(const std::deque<Packet>& ahead) const {
    if (!video_) return std::nullopt;
    Track track = tracks_[video_->index];
    for (const Packet& packet : ahead) {
        Times times{};
        if (packet->stream_index != video_->index || !is_continuous(packet.get()) ||
            !times_of(packet.get(), &times)) {
            continue;
        }
        if (!track.seen) return std::nullopt;
        const size_t piece = nearest_piece(track, times.dts, true);
        if (!continues(track, times.dts + shifts_[piece])) return shift_behind(track, times);
        advance(&track, times, shifts_[piece]);
    }
    return std::nullopt;
}

bool Timeline::knows_piece(const std::deque<Packet>& ahead) const {
    return video_shift(ahead).has_value();
}

void Timeline::begin_piece(const std::deque<Packet>& ahead) {
    Times times{};
    const AVPacket* first = ahead.front().get();
    if (!times_of(first, &times)) return;
    const Track& track = tracks_[first->stream_index];
    shifts_.push_back(video_shift(ahead).value_or(shift_behind(track, times)));
}

void Timeline::advance(Track* track, const Times& times, int64_t shift) const {
    track->dts = times.dts + shift;
    track->end_dts = track->dts + times.duration;
    const int64_t end = times.pts + shift + times.duration;
    track->end_pts = track->seen ? std::max(track->end_pts, end) : end;
    track->seen = true;
}

void Timeline::place(AVPacket* packet) {
    const AVStream* stream = stream_of(packet);
    if (static_cast<size_t>(packet->stream_index) >= tracks_.size()) {
        tracks_.resize(packet->stream_index + 1);  // it appeared while the file is read
    }
    Track& track = tracks_[packet->stream_index];
    Times times{};
    const bool timed = times_of(packet, &times);
    const bool continuous = is_continuous(packet);
    if (timed) track.piece = nearest_piece(track, times.dts, continuous);
    const int64_t shift = shifts_[track.piece];
    if (timed) {
        if (packet->dts != AV_NOPTS_VALUE) packet->dts = times.dts + shift;
        if (packet->pts != AV_NOPTS_VALUE) packet->pts = times.pts + shift;
        if (!(packet->flags & AV_PKT_FLAG_DISCARD)) advance(&track, times, shift);
        if (continuous) clock_ = std::max(clock_, track.dts);
    }
    if (packet->duration > 0) packet->duration = nanoseconds(packet->duration, stream->time_base);
}

// ---- Frames ----------------------------------------------------------------------------------

namespace {

// More frames than this do not wait for a time.
constexpr size_t kMaxPending = 16;

}  // namespace

void FrameTimes::push(Frame frame) {
    const int64_t time = frame->pts;
    const bool good = time != AV_NOPTS_VALUE && (last_ == INT64_MIN || time > last_);
    if (!good) {
        pending_.push_back(std::move(frame));
        if (pending_.size() >= kMaxPending) count_on(false);
        return;
    }
    look_at_step(time);
    settle(time);
    last_duration_ = duration_of(frame.get());
    ready_.push_back(std::move(frame));
    last_ = anchor_ = time;
    counted_ = 0;
}

void FrameTimes::look_at_step(int64_t time) {
    if (last_ == INT64_MIN) return;
    const auto between = static_cast<int64_t>(pending_.size());
    const int64_t periods = av_rescale(time - last_, rate_.num, rate_.den * kSecond) - between;
    ++(periods > 1 ? gaps_ : steady_);
    if (periods > 1) skipped_ += periods - 1;
}

// Spreads what waits over the time up to `next`.
void FrameTimes::settle(int64_t next) {
    const auto count = static_cast<int64_t>(pending_.size());
    if (count == 0) return;
    const int64_t period = av_rescale(kSecond, rate_.den, rate_.num);
    const int64_t start =
        last_ != INT64_MIN ? last_ : std::max<int64_t>(-1, next - (count + 1) * period);
    for (int64_t i = 1; i <= count; ++i) {
        pending_.front()->pts = start + av_rescale(next - start, i, count + 1);
        ready_.push_back(std::move(pending_.front()));
        pending_.pop_front();
    }
}

// Nothing says when they are: one after the other at the rate. Frames whose times lie behind keep
// close together, so that the times are right again when they come up, if they still can.
void FrameTimes::count_on(bool at_end) {
    for (; !pending_.empty(); pending_.pop_front()) {
        const bool behind = pending_.front()->pts != AV_NOPTS_VALUE && !at_end;
        int64_t time = 0;
        if (behind && last_ != INT64_MIN) {
            time = last_ + std::max<int64_t>(1, av_rescale(kSecond, rate_.den, rate_.num * 8LL));
            anchor_ = time;
            counted_ = 0;
        } else if (last_ != INT64_MIN) {
            time = counted_time();
        }
        last_duration_ = duration_of(pending_.front().get());
        last_ = pending_.front()->pts = time;
        ready_.push_back(std::move(pending_.front()));
    }
}

// After the newest frame: at the rate, unless that frame is one that is shown for longer (3:2
// pulldown).
int64_t FrameTimes::counted_time() {
    const int64_t period = av_rescale(kSecond, rate_.den, rate_.num);
    if (last_duration_ > 0 && std::llabs(last_duration_ - period) > period / 100) {
        anchor_ = last_ + last_duration_;
        counted_ = 0;
        return anchor_;
    }
    return anchor_ + av_rescale(++counted_ * kSecond, rate_.den, rate_.num);
}

void FrameTimes::flush() { count_on(true); }

Frame FrameTimes::pop() {
    if (ready_.empty()) return nullptr;
    Frame frame = std::move(ready_.front());
    ready_.pop_front();
    return frame;
}

}  // namespace upscale
