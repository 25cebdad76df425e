#ifndef FLASHVSR_PIPELINES_UPSCALE_COMPLETENESS_H_
#define FLASHVSR_PIPELINES_UPSCALE_COMPLETENESS_H_

#include <string>
#include <vector>

#include "pipelines/upscale/libav.h"

namespace upscale {

/// Compares what a container announces with what came of it.
class Completeness {
  public:
    /// Each packet as it comes from the demuxer, in its stream's time base.
    void see(const AVFormatContext* file, const AVPacket* packet);

    /// The demuxer complained, and a packet came then: something may lie between.
    void see_damage() { ++damages_; }

    /// Places at which the container is damaged, and packets may be lost, in a container where no
    /// index or counter tells of them otherwise.
    int64_t gaps(const AVFormatContext* file) const;

    /// After the last packet: what is missing, for a person; empty: nothing that is known of.
    /// size: of the file, in bytes; -1: not known. error: what came in place of the end; 0: the
    /// end.
    std::string missing(const AVFormatContext* file, int64_t size, int error) const;

  private:
    struct Track {
        int64_t dts = AV_NOPTS_VALUE;  // of its last packet
        bool is_cut_short = false;     // its last packet
    };

    bool lacks_indexed(const AVFormatContext* file) const;
    bool lacks_time(const AVFormatContext* file) const;
    bool ends_within_packet(const AVFormatContext* file, int64_t size) const;

    std::vector<Track> tracks_;
    int64_t end_ = INT64_MIN;  // nanoseconds of the file
    int64_t damages_ = 0;
    int64_t last_byte_ = 0;  // of the packet that lies farthest
};

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_COMPLETENESS_H_
