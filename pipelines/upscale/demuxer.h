// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "pipelines/upscale/byte_source.h"
#include "pipelines/upscale/completeness.h"
#include "pipelines/upscale/libav.h"
#include "pipelines/upscale/ogg.h"
#include "pipelines/upscale/timeline.h"
#include "pipelines/upscale/transport_tables.h"

namespace upscale {

// Opens an input, chooses its video, and reads its packets with their times on the one time line.
// Two demuxers of the same input give the same packets at the same times.
class Demuxer {
  public:
    // name: how the user calls it. url: as libavformat knows it, a hint for what has no mark of
    // its own; may be empty. Throws Failure (kInput) where the input cannot be read.
    Demuxer(std::unique_ptr<ByteSource> bytes, const std::string& name, const std::string& url);

    AVFormatContext* file() const { return file_.get(); }
    // The video that is upscaled; null: there is none.
    AVStream* video() const { return video_; }

    // The next packet of any track, times in nanoseconds. False: there is none any more.
    bool read(AVPacket* packet);
    // Then: what the container announced and did not hold, for a person; empty: nothing.
    std::string missing() const { return completeness_.missing(file_.get(), *bytes_, error_); }

    // Where else packets may be missing.
    int64_t gaps() const { return completeness_.gaps(file_.get()); }

    // Tracks that are coded otherwise from somewhere on, by index: those packets are left out.
    const std::set<int>& changed() const { return changed_; }

    // Goes to a place from which all packets at and after `time` come, be it the beginning.
    void seek(int64_t time);
    // Goes to a place from which all frames of the video at and after `time` can be decoded; other
    // tracks may lack packets. In a container whose clock may jump it reads all up to there,
    // unless the clock is known to be steady.
    void seek_video(int64_t time, bool steady);

    // See Timeline.
    int64_t origin() const { return timeline_->origin(); }
    // Whether the container's clock may jump.
    bool may_jump() const { return file_->iformat->flags & AVFMT_TS_DISCONT; }
    // It has not, as far as was read.
    bool is_whole() const { return timeline_->is_whole(); }

  private:
    void open();
    void open_container();
    void find_streams();
    [[noreturn]] void refuse_encrypted() const;
    [[noreturn]] void refuse(int status) const;
    void reopen();
    bool may_seek(bool steady) const;
    bool go_to(int64_t time);
    int read_frame(AVPacket* packet);
    bool is_transport_stream() const;
    bool is_foreign(const AVPacket* packet);
    bool is_wanted(AVPacket* packet);
    bool fetch();
    bool next(Packet* packet);
    void begin_piece();
    bool is_key(const AVPacket* packet) const;
    bool is_key_before(const AVPacket* packet, int64_t time) const;
    bool find_key(int64_t time);
    void skip_to(int64_t time);

    std::unique_ptr<ByteSource> bytes_;
    std::string name_, url_;
    InputFile file_;
    AVStream* video_ = nullptr;
    std::unique_ptr<Timeline> timeline_;
    Completeness completeness_;
    TransportTables tables_;
    OggHeaders ogg_headers_;
    std::map<int, int64_t> places_;  // of each track's last packet
    std::set<int> changed_;
    std::deque<Packet> ahead_;   // read, not yet on the time line
    std::deque<Packet> placed_;  // on the time line, to be handed on
    int error_ = 0;              // in place of a packet or the end
};

}  // namespace upscale
