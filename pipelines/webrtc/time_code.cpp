// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/time_code.h"

#include <algorithm>
#include <cstring>

namespace webrtc {

namespace {

constexpr uint8_t kMarker = 0b10110010;
constexpr uint8_t kLight = 220, kDark = 36, kNoColour = 128;

// CRC-8 with the polynomial x^8 + x^2 + x + 1.
uint8_t crc8(uint16_t value) {
    uint32_t rest = static_cast<uint32_t>(value) << 8;
    for (int bit = 23; bit >= 8; --bit) {
        if (rest >> bit & 1) rest ^= 0x107U << (bit - 8);
    }
    return static_cast<uint8_t>(rest);
}

void fill(GstVideoFrame* frame, int component, int x, int y, int side, uint8_t value) {
    auto* samples = static_cast<uint8_t*>(GST_VIDEO_FRAME_COMP_DATA(frame, component));
    const int stride = GST_VIDEO_FRAME_COMP_STRIDE(frame, component);
    for (int row = y; row < y + side; ++row) std::memset(samples + row * stride + x, value, side);
}

}  // namespace

CodeGrid CodeGrid::of(int width, int height) {
    // Even, so that it covers whole colour samples; 4 survives scaling and coding.
    const int cell = std::max(4, height / 90 * 2);
    const int used_width = cell * (kColumns + 2);
    const int used_height = cell * (kRows + 2);
    if (width < used_width || height < used_height) return {};
    return {cell, (height - cell * (kRows + 1)) & ~1, cell};
}

uint32_t time_code_bits(uint16_t milliseconds) {
    return static_cast<uint32_t>(kMarker) << 24 | static_cast<uint32_t>(milliseconds) << 8 |
           crc8(milliseconds);
}

TimeCode::TimeCode(GstElement* element) : pad_(gst_element_get_static_pad(element, "src")) {
    gst_video_info_init(&info_);
    gst_segment_init(&segment_, GST_FORMAT_TIME);
    const auto what = static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER |
                                                   GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM);
    probe_ = gst_pad_add_probe(pad_, what, on_data, this, nullptr);
}

TimeCode::~TimeCode() {
    gst_pad_remove_probe(pad_, probe_);
    gst_object_unref(pad_);
}

GstPadProbeReturn TimeCode::on_data(GstPad*, GstPadProbeInfo* info, gpointer self) {
    auto* code = static_cast<TimeCode*>(self);
    if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) {
        ++code->frames_;
        if (code->enabled_) info->data = code->draw(GST_PAD_PROBE_INFO_BUFFER(info));
    } else {
        code->note(GST_PAD_PROBE_INFO_EVENT(info));
    }
    return GST_PAD_PROBE_OK;
}

void TimeCode::note(GstEvent* event) {
    if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
        GstCaps* caps = nullptr;
        gst_event_parse_caps(event, &caps);
        if (!gst_video_info_from_caps(&info_, caps)) gst_video_info_init(&info_);
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT) {
        const GstSegment* segment = nullptr;
        gst_event_parse_segment(event, &segment);
        gst_segment_copy_into(segment, &segment_);
    }
}

// Takes the frame and returns it, or a copy, with the code in it.
GstBuffer* TimeCode::draw(GstBuffer* frame) const {
    const GstClockTime time =
        gst_segment_to_running_time(&segment_, GST_FORMAT_TIME, GST_BUFFER_PTS(frame));
    const CodeGrid grid = CodeGrid::of(info_.width, info_.height);
    if (!GST_CLOCK_TIME_IS_VALID(time) || grid.cell == 0) return frame;
    frame = gst_buffer_make_writable(frame);
    GstVideoFrame picture;
    if (!gst_video_frame_map(&picture, &info_, frame, GST_MAP_WRITE)) return frame;
    const uint32_t bits = time_code_bits(static_cast<uint16_t>(time / GST_MSECOND));
    const int half = grid.cell / 2;
    for (int i = 0; i < CodeGrid::kColumns * CodeGrid::kRows; ++i) {
        const int x = grid.x + i % CodeGrid::kColumns * grid.cell;
        const int y = grid.y + i / CodeGrid::kColumns * grid.cell;
        fill(&picture, 0, x, y, grid.cell, bits >> (31 - i) & 1 ? kLight : kDark);
        for (int colour : {1, 2}) fill(&picture, colour, x / 2, y / 2, half, kNoColour);
    }
    gst_video_frame_unmap(&picture);
    return frame;
}

}  // namespace webrtc
