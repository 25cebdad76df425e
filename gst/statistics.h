// SPDX-License-Identifier: Apache-2.0
// What the property `stats` tells.
#pragma once

#include <gst/gst.h>

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/flashvsr.h"

namespace flashvsr {

// Counts since the element started. Any thread may call anything.
class Statistics {
  public:
    void reset();

    struct Frames {
        guint64 in = 0;
        guint64 out = 0;
        guint64 dropped = 0;
        guint64 replaced = 0;
    };

    void count_in();
    void count_out();
    void count_dropped(int frames);
    void count_replaced(int frames);
    Frames frames() const;
    void set_inside(int frames);  // frames in the engine and its surroundings
    // The engine's own numbers, of the stream that is open now; begin_stream() when another is.
    void note_engine(const FlashvsrStreamStats& stats);
    void begin_stream(const FlashvsrMemoryEstimate& memory, const std::string& kernels);

    // `waiting`: frames that are inside beside those of set_inside(). The caller's.
    GstStructure* to_structure(int waiting) const;

  private:
    GstClockTime percentile(double share) const;
    double frames_per_second() const;

    static constexpr size_t kChunkTimes = 256;
    static constexpr size_t kOutputTimes = 256;

    mutable std::mutex mutex_;
    Frames frames_;
    int inside_ = 0;
    guint64 chunks_ = 0;         // of streams that have been closed
    guint64 stream_chunks_ = 0;  // of the open one
    guint64 device_bytes_ = 0;
    std::optional<FlashvsrMemoryEstimate> memory_;  // of the newest stream
    std::string kernels_;                           // likewise, see kernels_of()
    std::deque<GstClockTime> chunk_times_;          // the newest ones
    std::deque<gint64> output_times_;               // of the newest frames, monotonic, microseconds
};

}  // namespace flashvsr
