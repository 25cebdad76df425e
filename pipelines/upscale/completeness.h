// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "pipelines/upscale/byte_source.h"
#include "pipelines/upscale/libav.h"

namespace upscale {

// Compares what a container announces with what came of it.
class Completeness {
  public:
    // Each packet as it comes from the demuxer, in its stream's time base.
    void see(const AVFormatContext* file, const AVPacket* packet);

    // The demuxer complained while it read on: packets may be lost.
    void see_damage() { ++damages_; }
    // The reading goes on somewhere else.
    void see_seek();

    // Places at which the container is damaged, and packets may be lost, in a container where no
    // index tells of them otherwise.
    int64_t gaps(const AVFormatContext* file) const;

    // After the last packet: what is missing, for a person; empty: nothing that is known of.
    // error: what came in place of the end; 0: the end.
    std::string missing(const AVFormatContext* file, const ByteSource& bytes, int error) const;

  private:
    struct Track {
        int64_t dts = AV_NOPTS_VALUE;  // of its last packet
        bool is_cut_short = false;     // its last packet
        int64_t cut_short = 0;         // packets well before it
        int64_t doubtful = 0;          // such near it: where streams are joined they are none
        int64_t since = 0;             // packets after the last of those
        int64_t packets = 0, bytes = 0;
    };

    bool lacks_indexed(const AVFormatContext* file) const;
    int64_t lacks_chunks(const AVFormatContext* file) const;
    bool lacks_time(const AVFormatContext* file) const;
    bool ends_within_packet(const AVFormatContext* file, const ByteSource& bytes) const;

    std::vector<Track> tracks_;
    int64_t end_ = INT64_MIN;  // nanoseconds of the file
    int64_t damages_ = 0;
    int64_t last_byte_ = 0;    // of the packet that lies farthest
    int64_t last_packet_ = 0;  // where that begins
    bool is_whole_ = true;     // read from its beginning, without leaving anything out
};

}  // namespace upscale
