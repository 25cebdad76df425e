// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/demuxer.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "pipelines/upscale/encryption.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav_complaints.h"

namespace upscale {

namespace {

// A track that begins late is still found.
constexpr int64_t kProbedTime = 20'000'000;  // microseconds
constexpr int64_t kProbedBytes = 64 << 20;

int is_stopped(void* stop) { return stop && *static_cast<const Stop*>(stop); }

// One picture for all of a longer file: a thumbnail, whatever it is called.
bool is_still(const AVFormatContext* file, const AVStream* stream) {
    constexpr int kStill = AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS;
    if (stream->disposition & kStill) return true;
    const AVCodecDescriptor* codec = avcodec_descriptor_get(stream->codecpar->codec_id);
    return file->nb_streams > 1 && stream->nb_frames == 1 && codec && codec->mime_types;
}

// That moves, that can be decoded, that its container shows first, that is largest.
AVStream* choose_video(const AVFormatContext* file) {
    AVStream* best = nullptr;
    std::tuple<bool, bool, bool, int64_t> best_rank;
    for (unsigned i = 0; i < file->nb_streams; ++i) {
        AVStream* stream = file->streams[i];
        const AVCodecParameters* codec = stream->codecpar;
        if (codec->codec_type != AVMEDIA_TYPE_VIDEO ||
            (stream->disposition & AV_DISPOSITION_ATTACHED_PIC)) {
            continue;
        }
        const std::tuple<bool, bool, bool, int64_t> rank = {
            !is_still(file, stream), codec->width > 0 && avcodec_find_decoder(codec->codec_id),
            stream->disposition & AV_DISPOSITION_DEFAULT, int64_t{codec->width} * codec->height};
        if (!best || rank > best_rank) {
            best = stream;
            best_rank = rank;
        }
    }
    return best;
}

}  // namespace

Demuxer::Demuxer(std::unique_ptr<ByteSource> bytes, const std::string& name, const std::string& url)
    : bytes_(std::move(bytes)), name_(name), url_(url) {
    bytes_->set_patches(as_one_ogg(*bytes_));
    open();
}

void Demuxer::open() {
    open_container();
    if (is_encrypted(file_.get(), *bytes_)) refuse_encrypted();
    find_streams();
    video_ = choose_video(file_.get());
    timeline_ = std::make_unique<Timeline>(file_.get(), video_);
}

void Demuxer::open_container() {
    AVFormatContext* context = avformat_alloc_context();
    if (!context) throw Failure(ExitCode::kFailed, "out of memory");
    context->pb = bytes_->context();
    context->interrupt_callback = {is_stopped, const_cast<Stop*>(bytes_->stop())};
    context->probesize = kProbedBytes;
    context->max_analyze_duration = kProbedTime;
    bytes_->begin_step();
    bytes_->set_listener([this](int64_t place, const uint8_t* data, size_t size) {
        tables_.hear(place, data, size);
    });
    const LibavComplaints complaints;
    // Frees the context when it fails.
    const int status = avformat_open_input(&context, url_.c_str(), nullptr, nullptr);
    if (status < 0) refuse(status);
    file_.reset(context);
    if (!is_transport_stream()) bytes_->set_listener(nullptr);
}

// Reads the first packets, which read() gives again.
void Demuxer::find_streams() {
    bytes_->begin_step();
    const LibavComplaints complaints(file_.get());
    const int status = avformat_find_stream_info(file_.get(), nullptr);
    if (status < 0) refuse(status);
    if (LibavComplaints::any()) completeness_.see_damage();
}

void Demuxer::refuse_encrypted() const {
    throw Failure(ExitCode::kInput, name_ + " is encrypted: it has to be decrypted first");
}

// Throws: the head of the file cannot be read.
void Demuxer::refuse(int status) const {
    if (status == AVERROR(ENOMEM)) throw Failure(ExitCode::kFailed, "out of memory");
    if (bytes_->stopped()) throw Failure(ExitCode::kInput, libav_error(status));
    if (bytes_->size() == 0)
        throw Failure(ExitCode::kInput, name_ + " cannot be read: it is empty");
    const std::string why = LibavComplaints::say(status);
    if (why.find("moov atom not found") != std::string::npos) {
        throw Failure(ExitCode::kInput,
                      name_ +
                          " cannot be read: its index (moov) is not there, as the recording or "
                          "the copy ended early; a whole copy or a repair program is needed");
    }
    throw Failure(ExitCode::kInput, name_ + " cannot be read (" + why +
                                        "): it is no video, or its beginning is damaged or cut; "
                                        "get it anew, or convert it with another program");
}

void Demuxer::reopen() {
    ahead_.clear();
    placed_.clear();
    error_ = 0;
    file_.reset();
    completeness_ = {};
    ogg_headers_ = {};
    places_.clear();
    bytes_->rewind();
    open();
}

// Returns 0, or an error in place of a packet.
int Demuxer::read_frame(AVPacket* packet) {
    constexpr int kMaxErrors = 100;  // one after the other
    int status = 0, errors = 0;
    const LibavComplaints complaints(file_.get());
    do {
        av_packet_unref(packet);
        bytes_->begin_step();
        status = av_read_frame(file_.get(), packet);
    } while (status == AVERROR_INVALIDDATA && ++errors < kMaxErrors);
    if (LibavComplaints::any() && status != AVERROR_EXIT) completeness_.see_damage();
    return status;
}

bool Demuxer::is_transport_stream() const { return std::string(file_->iformat->name) == "mpegts"; }

// Whether its track is coded otherwise there than at the beginning, in a transport stream.
bool Demuxer::is_foreign(const AVPacket* packet) {
    if (!is_transport_stream()) return false;
    // Frames that came in one packet of the container have no places of their own.
    int64_t& place = places_[packet->stream_index];
    if (packet->pos >= 0) place = packet->pos;
    return tables_.is_other(file_->streams[packet->stream_index]->id, place);
}

// Not what its track cannot hold, and no spare headers.
bool Demuxer::is_wanted(AVPacket* packet) {
    const OggHeaders::Verdict verdict = ogg_headers_.look_at(file_.get(), packet);
    if (verdict == OggHeaders::Verdict::kForeign || is_foreign(packet)) {
        changed_.insert(packet->stream_index);
        return false;
    }
    if (verdict == OggHeaders::Verdict::kNeeded) {
        packet->pts = packet->dts = AV_NOPTS_VALUE;
        packet->duration = 0;
    }
    return verdict != OggHeaders::Verdict::kSpare;
}

bool Demuxer::fetch() {
    Packet packet = make_packet();
    int status = 0;
    do {
        status = read_frame(packet.get());
    } while (status >= 0 && !is_wanted(packet.get()));
    if (status < 0) {
        error_ = status == AVERROR_EOF || status == AVERROR_EXIT ? 0 : status;
        return false;
    }
    if (is_encrypted(packet.get())) refuse_encrypted();
    completeness_.see(file_.get(), packet.get());
    ahead_.push_back(std::move(packet));
    return true;
}

// The next packet from the file, placed.
bool Demuxer::next(Packet* packet) {
    if (ahead_.empty() && !fetch()) return false;
    if (timeline_->is_new_piece(ahead_.front().get())) begin_piece();
    *packet = std::move(ahead_.front());
    ahead_.pop_front();
    timeline_->place(packet->get());
    return true;
}

bool Demuxer::read(AVPacket* packet) {
    Packet first;
    if (!placed_.empty()) {
        first = std::move(placed_.front());
        placed_.pop_front();
    } else if (!next(&first)) {
        return false;
    }
    av_packet_move_ref(packet, first.get());
    return true;
}

// Reads on to the video of the piece, so that it is the video that goes on without a gap.
void Demuxer::begin_piece() {
    constexpr size_t kMaxAhead = 1000;
    while (ahead_.size() < kMaxAhead && !timeline_->knows_piece(ahead_) && fetch()) {
    }
    timeline_->begin_piece(ahead_);
}

// ---- Going to a time -------------------------------------------------------------------------

// Where a clock may jump, what lies at a time is known by reading alone.
bool Demuxer::may_seek(bool steady) const {
    return bytes_->size() >= 0 && (steady || !may_jump()) &&
           !(file_->iformat->flags & AVFMT_NOTIMESTAMPS) &&
           (!video_ || video_->start_time != AV_NOPTS_VALUE);
}

bool Demuxer::go_to(int64_t time) {
    bytes_->begin_step();
    const int64_t target = (time + timeline_->origin()) / 1000;
    if (avformat_seek_file(file_.get(), -1, INT64_MIN, target, target, 0) < 0) return false;
    completeness_.see_seek();
    ahead_.clear();
    placed_.clear();
    error_ = 0;
    timeline_->forget_position();
    return true;
}

void Demuxer::seek(int64_t time) {
    constexpr int64_t kDisorder = 5 * kSecond;  // between the tracks of a file
    if (may_seek(false) && time > kDisorder && !go_to(time - kDisorder)) reopen();
}

void Demuxer::seek_video(int64_t time, bool steady) {
    if (bytes_->size() < 0) return;
    for (const int64_t back : {0, 2, 10, 60}) {
        const int64_t target = time - back * kSecond;
        if (!may_seek(steady) || target <= 0 || !go_to(target)) break;
        if (find_key(time)) return;
    }
    reopen();
    skip_to(time);
}

bool Demuxer::is_key(const AVPacket* packet) const {
    return packet->stream_index == video_->index && packet->flags & AV_PKT_FLAG_KEY;
}

// A frame that nothing before it is needed for, shown at `time` or before.
bool Demuxer::is_key_before(const AVPacket* packet, int64_t time) const {
    // A time of decoding is this much before that of showing, at most.
    constexpr int64_t kDelay = kSecond;
    if (!is_key(packet)) return false;
    if (packet->pts != AV_NOPTS_VALUE) return packet->pts <= time;
    return packet->dts != AV_NOPTS_VALUE && packet->dts + kDelay <= time;
}

// Reads on to the next key frame. False: it is too late.
bool Demuxer::find_key(int64_t time) {
    Packet packet;
    while (next(&packet)) {
        if (!is_key(packet.get())) continue;
        if (!is_key_before(packet.get(), time)) return false;
        placed_.push_back(std::move(packet));
        return true;
    }
    return false;
}

// Reads from the beginning, and keeps what comes from the last key frame on.
void Demuxer::skip_to(int64_t time) {
    constexpr int64_t kMaxBytes = 1 << 28;
    int64_t bytes = 0;
    Packet packet;
    while (bytes < kMaxBytes && next(&packet)) {
        const bool video = packet->stream_index == video_->index;
        const int64_t ticks = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
        const bool untimed = video && ticks == AV_NOPTS_VALUE;
        if (is_key_before(packet.get(), time)) {
            placed_.clear();
            bytes = 0;
        }
        bytes += packet->size;
        placed_.push_back(std::move(packet));
        if (untimed || (video && ticks >= time)) break;
    }
}

}  // namespace upscale
