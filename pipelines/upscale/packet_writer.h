// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "pipelines/upscale/libav.h"

namespace upscale {

// Writes the packets of all tracks in the order of their times and knows whose packets the muxer
// refused: libavformat holds packets back and does not say which one an error is about.
class PacketWriter {
  public:
    struct Refused {
        int64_t packets = 0;
        int error = 0;  // of libavformat, the last one
    };

    // After the head was written. `output` outlives it. name: of the file, for messages.
    PacketWriter(AVFormatContext* output, std::string name);

    const AVFormatContext* output() const { return output_; }
    // Takes what the packet holds. Throws Failure (kFailed) where bytes cannot be written.
    void write(AVPacket* packet);
    // Writes what is held back.
    void flush();
    const Refused& refused(int stream) const { return refused_.at(stream); }

  private:
    void find_refused(int error);

    AVFormatContext* output_;
    std::string name_;
    std::vector<int64_t> sent_;
    std::vector<Refused> refused_;
};

}  // namespace upscale
