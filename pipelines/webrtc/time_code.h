// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include <atomic>
#include <cstdint>

namespace webrtc {

// Where the time code lies in a picture: kColumns x kRows square cells.
struct CodeGrid {
    static constexpr int kColumns = 8;
    static constexpr int kRows = 4;

    int x = 0, y = 0, cell = 0;  // samples; cell 0: the picture has no room for it

    static CodeGrid of(int width, int height);
};

// The bits of the code, highest first, row after row: a marker, the time in ms modulo 65536 (two
// rows), CRC-8 of the time. A cell is light for 1 and dark for 0.
uint32_t time_code_bits(uint16_t milliseconds);

// Draws the running time of each frame into a corner of it. Whoever sees the picture, scaled and
// coded as it may be, reads from it how old the frame is.
class TimeCode {
  public:
    // Draws into the I420 frames that leave `element` by its pad "src".
    explicit TimeCode(GstElement* element);
    ~TimeCode();
    TimeCode(const TimeCode&) = delete;
    TimeCode& operator=(const TimeCode&) = delete;

    // From any thread.
    void set_enabled(bool enabled) { enabled_ = enabled; }
    bool enabled() const { return enabled_; }
    // That have left by the pad, with a code or without.
    uint64_t frames() const { return frames_; }

  private:
    static GstPadProbeReturn on_data(GstPad*, GstPadProbeInfo* info, gpointer self);
    void note(GstEvent* event);
    GstBuffer* draw(GstBuffer* frame) const;

    GstPad* pad_;
    gulong probe_;
    std::atomic<bool> enabled_{true};
    std::atomic<uint64_t> frames_{0};
    // The streaming thread's.
    GstVideoInfo info_;
    GstSegment segment_;
};

}  // namespace webrtc
